package io.calm.replay;

import ai.djl.ndarray.NDArray;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.Stage;
import io.calm.tensor.Matrix;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The inputs of the four stages of a block in full precision, with the residual stream beside those
 * whose output is added to it, and the output of the block. Made by one forward; holds 3 D + F
 * floats per token for the inputs (F: the width of down) and 3 D for the residual streams and the
 * output.
 */
public final class StageInputs implements AutoCloseable {
  private final Map<Stage, At> stages;
  private Optional<HiddenStates> output;

  private StageInputs(Map<Stage, At> stages, HiddenStates output) {
    this.stages = stages;
    this.output = Optional.of(output);
  }

  /** The state of a pass at a stage, in chunks. */
  record At(List<NDArray> input, List<NDArray> residual) {
    void close() {
      input.forEach(NDArray::close);
      residual.forEach(NDArray::close);
    }
  }

  /**
   * The sums that {@link BlockPass#deviation} returns.
   *
   * @param inputs [K, K]
   * @param residual [D, K]; empty if the stage's output is not added to the residual stream
   */
  public record Deviation(Matrix inputs, Optional<Matrix> residual) {}

  /** Runs a block in full precision; {@code states} is not changed. */
  public static StageInputs of(
      HiddenStates states, ModelSpec spec, int layer, BlockParameters<Matrix> block) {
    Map<Stage, At> stages = new EnumMap<>(Stage.class);
    boolean complete = false;
    try (BlockPass pass = new BlockPass(states, spec, layer, block, Optional.empty())) {
      for (Stage stage : Stage.values()) {
        stages.put(stage, pass.snapshot());
        pass.advance(block.linears(), block.biases());
      }
      StageInputs inputs = new StageInputs(stages, pass.output());
      complete = true;
      return inputs;
    } finally {
      if (!complete) {
        stages.values().forEach(At::close);
      }
    }
  }

  NDArray input(Stage stage, int chunk) {
    return at(stage).input().get(chunk);
  }

  NDArray residual(Stage stage, int chunk) {
    return at(stage).residual().get(chunk);
  }

  private At at(Stage stage) {
    At at = stages.get(stage);
    if (at == null) {
      throw new IllegalStateException("the inputs of stage " + stage + " are closed");
    }
    return at;
  }

  /** Hands over the output of the block, once. */
  public HiddenStates takeOutput() {
    HiddenStates taken = output.orElseThrow();
    output = Optional.empty();
    return taken;
  }

  @Override
  public void close() {
    stages.values().forEach(At::close);
    stages.clear();
    output.ifPresent(HiddenStates::close);
    output = Optional.empty();
  }
}
