package io.calm.replay;

import ai.djl.ndarray.NDArray;
import io.calm.kernels.Divergence;
import io.calm.tensor.Matrix;
import java.util.ArrayList;
import java.util.List;

/**
 * The KL divergence of candidates' next-token distributions from the full-precision one,
 * accumulated over bands of the vocabulary ({@link Divergence}). Neither a table [V, D] nor logits
 * [T, V] are held. Not thread safe.
 */
public final class HeadComparison {
  private final TorchRuntime runtime;
  private final HiddenStates reference;
  private final List<HiddenStates> candidates;
  private final List<List<Divergence>> sums; // [candidates][windows]

  /**
   * Starts a comparison before any rows of the head.
   *
   * @param reference inputs of the full-precision head: output of {@link ReferenceModel#finalNorm}
   * @param candidates inputs of the candidates' heads for the same windows; closed by the caller
   */
  public HeadComparison(HiddenStates reference, List<HiddenStates> candidates) {
    this.runtime = reference.runtime();
    this.reference = reference;
    this.candidates = List.copyOf(candidates);
    this.sums = new ArrayList<>();
    for (HiddenStates candidate : candidates) {
      List<Divergence> windows = new ArrayList<>();
      for (int w = 0; w < candidate.rows() / candidate.length(); w++) {
        windows.add(new Divergence(candidate.length()));
      }
      sums.add(windows);
    }
  }

  /**
   * Adds the logits of some tokens.
   *
   * @param head the tokens' rows of the full-precision head, [n, D]
   * @param heads the same tokens' rows of each candidate's head
   */
  public void add(Matrix head, List<Matrix> heads) {
    List<NDArray> tables = new ArrayList<>();
    try (NDArray table = runtime.array(head)) {
      heads.forEach(matrix -> tables.add(runtime.array(matrix)));
      int window = 0;
      for (int c = 0; c < reference.chunks().size(); c++) {
        for (long i = 0; i < reference.chunks().get(c).getShape().get(0); i++) {
          add(c, i, window++, table, tables);
        }
      }
    } finally {
      tables.forEach(NDArray::close);
    }
  }

  private void add(int chunk, long index, int window, NDArray table, List<NDArray> tables) {
    try (NDArray rows = reference.chunks().get(chunk).get(index);
        NDArray right = runtime.products().linear(rows, table)) {
      for (int candidate = 0; candidate < tables.size(); candidate++) {
        try (NDArray others = candidates.get(candidate).chunks().get(chunk).get(index);
            NDArray logits = runtime.products().linear(others, tables.get(candidate))) {
          runtime.add(sums.get(candidate).get(window), right, logits);
        }
      }
    }
  }

  /**
   * Returns the mean KL(reference || candidate) per token of each window, in nats, after all rows
   * of the heads.
   */
  public double[] klDivergence(int candidate) {
    return sums.get(candidate).stream().mapToDouble(Divergence::mean).toArray();
  }
}
