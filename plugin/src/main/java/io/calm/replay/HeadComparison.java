package io.calm.replay;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.calm.tensor.Matrix;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The KL divergence of candidates' next-token distributions from the full-precision one,
 * accumulated over bands of the vocabulary. Neither a table [V, D] nor logits [T, V] are held.
 *
 * <p>With logits a of the reference and b of a candidate, {@code KL = sum p (a - b) - log sum exp a
 * + log sum exp b}, p = softmax a. The sums run over the bands in float64, relative to the largest
 * logit so far. Not thread safe.
 */
public final class HeadComparison implements AutoCloseable {
  private final TorchRuntime runtime;
  private final HiddenStates reference;
  private final List<HiddenStates> candidates;
  private final List<List<NDArray>> sums; // [candidates][windows], each [4, T]

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
      List<NDArray> windows = new ArrayList<>();
      for (int w = 0; w < candidate.rows() / candidate.length(); w++) {
        windows.add(empty(candidate.length()));
      }
      sums.add(windows);
    }
  }

  /** Returns minus infinity, which is the peak and the log-sum-exp of no logits. */
  private NDArray empty(int length) {
    double[] nothing = new double[4 * length];
    Arrays.fill(nothing, 0, length, Double.NEGATIVE_INFINITY);
    Arrays.fill(nothing, 3 * length, 4 * length, Double.NEGATIVE_INFINITY);
    return runtime.manager().create(nothing, new Shape(4, length));
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
        NDArray right = runtime.call("linear", rows, table)) {
      for (int candidate = 0; candidate < tables.size(); candidate++) {
        NDArray before = sums.get(candidate).get(window);
        try (NDArray others = candidates.get(candidate).chunks().get(chunk).get(index);
            NDArray logits = runtime.call("linear", others, tables.get(candidate))) {
          sums.get(candidate).set(window, runtime.call("kl_band", before, right, logits));
        }
        before.close();
      }
    }
  }

  /**
   * Returns the mean KL(reference || candidate) per token of each window, in nats, after all rows
   * of the heads.
   */
  public double[] klDivergence(int candidate) {
    return sums.get(candidate).stream().mapToDouble(this::mean).toArray();
  }

  private double mean(NDArray window) {
    try (NDArray mean = runtime.call("kl_mean", window)) {
      return mean.toDoubleArray()[0];
    }
  }

  @Override
  public void close() {
    sums.forEach(windows -> windows.forEach(NDArray::close));
  }
}
