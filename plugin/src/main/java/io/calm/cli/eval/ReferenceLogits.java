package io.calm.cli.eval;

import io.calm.kernels.JavaSearchKernels;
import io.calm.model.BlockParameters;
import io.calm.model.WeightSource;
import io.calm.replay.HiddenStates;
import io.calm.replay.ReferenceModel;
import io.calm.replay.TorchRuntime;
import io.calm.tensor.Matrix;
import java.util.List;

/** Logits of the full-precision model on PyTorch, one block in memory at a time. */
public final class ReferenceLogits implements LogitSource {
  private final TorchRuntime torch;
  private final WeightSource weights;
  private final ReferenceModel model;

  public ReferenceLogits(WeightSource weights, int threads) {
    this.torch = TorchRuntime.open(threads, new JavaSearchKernels());
    this.weights = weights;
    this.model = new ReferenceModel(torch, weights);
  }

  @Override
  public int vocabulary() {
    return weights.spec().vocabulary();
  }

  @Override
  public void run(int[] window, RowConsumer rows) {
    runAll(List.of(window), (index, position, logits) -> rows.row(position, logits));
  }

  /** Receives the logits of one position of one of several windows. */
  @FunctionalInterface
  public interface WindowRows {
    void row(int window, int position, float[] logits);
  }

  /**
   * Runs windows of one length together: each block is read once.
   *
   * @throws IllegalArgumentException if a window is longer than the model's context
   */
  public void runAll(List<int[]> windows, WindowRows rows) {
    int context = weights.spec().maxContext();
    for (int[] window : windows) {
      if (window.length > context) {
        throw new IllegalArgumentException(
            "a sequence: expected at most %d tokens, the model's context, got %d; give fewer"
                .formatted(context, window.length));
      }
    }
    HiddenStates states = model.embed(windows);
    for (int layer = 0; layer < weights.spec().layers(); layer++) {
      BlockParameters<Matrix> block = weights.block(layer);
      HiddenStates next = model.block(layer, states, block);
      states.close();
      states = next;
      block.linears().values().forEach(Matrix::close);
    }
    float[] row = new float[vocabulary()];
    try (HiddenStates last = states;
        HiddenStates normalized = model.finalNorm(last)) {
      model.logits(
          normalized,
          (window, logits) -> {
            for (int t = 0; t < logits.rows(); t++) {
              logits.readRow(t, row);
              rows.row(window, t, row);
            }
          });
    }
  }

  @Override
  public void close() {
    torch.close();
  }
}
