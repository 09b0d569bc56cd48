package io.calm.search;

import java.util.Optional;

/**
 * Which variant is served, and why.
 *
 * @param served {@code calm} or {@code uniform-NAME}
 * @param guardForwards block forwards of the uniform plan that it was compared with
 * @param uniform that plan's stream behind the last block, where it is served; the receiver closes
 *     it
 */
record Verdict(
    String served,
    String reason,
    Optional<QuantPlan.Guard> guard,
    int guardForwards,
    Optional<Streams> uniform) {}
