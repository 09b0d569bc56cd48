package io.calm.replay;

import ai.djl.ndarray.NDArray;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.model.Stage;
import io.calm.tensor.Matrix;
import java.util.Optional;

/**
 * The inputs of a block's stages in full precision, with the residual stream beside them, and the
 * output of the block. A forward of the block that stops at each stage, so that only the inputs of
 * the current stage are in memory. Not thread safe.
 */
public final class StageInputs implements AutoCloseable {
  private final BlockPass pass;
  private final BlockParameters<Matrix> block;

  private StageInputs(BlockPass pass, BlockParameters<Matrix> block) {
    this.pass = pass;
    this.block = block;
  }

  /**
   * Starts a forward of a block in full precision, at its first stage.
   *
   * @param states not changed
   * @param block not changed; must stay open as long as the forward
   */
  public static StageInputs of(
      HiddenStates states, ModelSpec spec, int layer, BlockParameters<Matrix> block) {
    return new StageInputs(new BlockPass(states, spec, layer, block, Optional.empty()), block);
  }

  /** Returns a copy at the same stage. It must be closed before this forward. */
  public StageInputs fork() {
    return new StageInputs(pass.fork(), block);
  }

  /** Returns a copy of the residual stream beside the input of the current stage. */
  public HiddenStates residualStream() {
    return pass.residualStream();
  }

  /**
   * Runs the stages before {@code stage}, and drops their inputs.
   *
   * @throws IllegalStateException if the forward has passed the stage
   */
  public void advanceTo(Stage stage) {
    while (pass.stage().filter(at -> at.compareTo(stage) < 0).isPresent()) {
      pass.advance(block.linears(), block.biases());
    }
    require(stage);
  }

  private void require(Stage stage) {
    if (pass.stage().isEmpty()) {
      throw new IllegalStateException(
          "stage %s: expected inputs in full precision, which are dropped once the deviation of down was read; read it once and keep a copy"
              .formatted(stage));
    }
    if (!pass.stage().equals(Optional.of(stage))) {
      throw new IllegalStateException(
          "the full-precision forward is at %s, not at stage %s"
              .formatted(pass.stage().get(), stage));
    }
  }

  /** Returns a chunk of the input of the current stage, which must be {@code stage}. */
  NDArray input(Stage stage, int chunk) {
    require(stage);
    return pass.inputs().get(chunk);
  }

  /** Returns a chunk of the residual stream beside the input of the current stage, likewise. */
  NDArray residual(Stage stage, int chunk) {
    require(stage);
    return pass.residuals().get(chunk);
  }

  /** Runs the remaining stages, and drops their inputs. */
  public void finish() {
    while (pass.stage().isPresent()) {
      pass.advance(block.linears(), block.biases());
    }
  }

  /** Runs the remaining stages and hands over the output of the block, once. */
  public HiddenStates takeOutput() {
    finish();
    return pass.output();
  }

  @Override
  public void close() {
    pass.close();
  }
}
