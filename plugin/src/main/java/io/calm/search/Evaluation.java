package io.calm.search;

import io.calm.model.BlockParameters;
import io.calm.replay.HiddenStates;
import io.calm.tensor.QuantizedLinear;
import java.util.Optional;

/**
 * The attempt of one algorithm at one block.
 *
 * @param name the algorithm
 * @param candidate scores, or the failure
 * @param outcome the block and its output on the scored part; empty if the attempt failed
 */
record Evaluation(String name, QuantPlan.Candidate candidate, Optional<Outcome> outcome) {

  /** A W4A8 block and its output on the scored part of the calibration. */
  record Outcome(BlockParameters<QuantizedLinear> block, HiddenStates output) {}

  /** Frees the output. */
  void close() {
    outcome.ifPresent(o -> o.output().close());
  }
}
