package io.calm.search;

import java.util.Optional;

/**
 * Which variant is served, and why.
 *
 * @param served {@code calm} or {@code uniform-NAME}
 * @param guardForwards block forwards that the comparison cost
 */
record Verdict(String served, String reason, Optional<QuantPlan.Guard> guard, int guardForwards) {}
