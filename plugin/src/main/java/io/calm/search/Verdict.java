package io.calm.search;

import java.util.Optional;

/**
 * The variant to serve and the reason.
 *
 * @param served {@code calm} or {@code uniform-NAME}
 * @param guardForwards block forwards of the uniform plans of the comparison
 * @param uniform hidden states of that plan after the last block if it is served; the receiver
 *     closes them
 */
record Verdict(
    String served,
    String reason,
    Optional<QuantPlan.GuardResult> guard,
    int guardForwards,
    Optional<Streams> uniform) {}
