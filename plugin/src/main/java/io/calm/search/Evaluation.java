package io.calm.search;

import io.calm.model.BlockParameters;
import io.calm.replay.HiddenStates;
import io.calm.tensor.QuantizedLinear;
import java.util.Optional;

/**
 * One algorithm's try at one block.
 *
 * @param name the algorithm
 * @param candidate scores, or the failure
 * @param made the block and its output on the scored part; empty where it failed
 */
record Evaluation(String name, QuantPlan.Candidate candidate, Optional<Made> made) {

  /** A W4A8 block and what it does to the scored part. */
  record Made(BlockParameters<QuantizedLinear> block, HiddenStates output) {}

  /** Frees the output. */
  void close() {
    made.ifPresent(m -> m.output().close());
  }
}
