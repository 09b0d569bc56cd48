package io.calm.search;

import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The impact of one algorithm on one block, with every other block in full precision.
 *
 * @param block index from 0
 * @param failure the reason why there are no numbers; empty if there are
 * @param scores the score of the block's output by each metric, by the metric's setting; NaN where
 *     it is undefined
 * @param kl for each text, by name, the mean KL divergence per token of each window from the
 *     full-precision logits, in nats
 * @param seconds time to quantize the block and to score it
 */
public record SensitivityCell(
    int block,
    String algorithm,
    Optional<String> failure,
    Map<String, Double> scores,
    Map<String, List<Double>> kl,
    double seconds) {}
