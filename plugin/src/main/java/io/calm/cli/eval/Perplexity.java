package io.calm.cli.eval;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * The perplexity of a text: exp of the mean negative log-likelihood of every token but the first of
 * each of the text's first disjoint windows.
 *
 * <p>Tokens of one window depend on each other, so the standard error takes a window as one
 * observation: with w windows of mean NLL x_i it is sqrt(sum (x_i - mean)^2 / (w (w - 1))). It says
 * how far the figure depends on which windows of the text were taken. Two models on the same
 * windows are compared by their paired difference ({@link #minus}), whose error is far smaller.
 *
 * @param windowNlls mean negative log-likelihood of each window, in nats per token
 * @param tokens predicted tokens that were counted, in all windows
 */
public record Perplexity(List<Double> windowNlls, long tokens) {

  public Perplexity {
    windowNlls = List.copyOf(windowNlls);
    if (windowNlls.isEmpty()) {
      throw new IllegalArgumentException("perplexity: expected at least one window, got none");
    }
  }

  /**
   * A mean over windows and its standard error.
   *
   * @param standardError NaN with fewer than two windows
   */
  public record Estimate(double mean, double standardError) {}

  /** Returns exp(mean NLL). */
  public double value() {
    return Math.exp(nll().mean());
  }

  /**
   * Returns the standard error of the perplexity, to first order: exp(mean NLL) times its error.
   */
  public double standardError() {
    return value() * nll().standardError();
  }

  /** Returns the mean negative log-likelihood, in nats per token. */
  public Estimate nll() {
    return estimate(windowNlls.stream().mapToDouble(Double::doubleValue).toArray());
  }

  /** Returns the number of windows. */
  public int windows() {
    return windowNlls.size();
  }

  /**
   * Returns the mean difference of the NLLs, window by window, in nats per token.
   *
   * @throws IllegalArgumentException if the other has another number of windows or tokens
   */
  public Estimate minus(Perplexity other) {
    if (windows() != other.windows() || tokens != other.tokens) {
      throw new IllegalArgumentException(
          "perplexity: expected the same windows, got %d of %d tokens and %d of %d"
              .formatted(windows(), tokens, other.windows(), other.tokens));
    }
    return estimate(
        IntStream.range(0, windows())
            .mapToDouble(w -> windowNlls.get(w) - other.windowNlls.get(w))
            .toArray());
  }

  private static Estimate estimate(double[] values) {
    double mean = Arrays.stream(values).average().orElse(Double.NaN);
    if (values.length < 2) {
      return new Estimate(mean, Double.NaN);
    }
    double squares = Arrays.stream(values).map(x -> (x - mean) * (x - mean)).sum();
    return new Estimate(mean, Math.sqrt(squares / values.length / (values.length - 1.0)));
  }

  /**
   * Cuts the first windows of a text.
   *
   * @param maxContext maximum number of tokens that the model takes
   * @throws IllegalArgumentException if the text has fewer windows or the model's context is
   *     shorter
   */
  public static List<int[]> windows(int[] tokens, int count, int length, int maxContext) {
    if (length < 2 || length > maxContext) {
      throw new IllegalArgumentException(
          "--length: expected 2 to %d, the model's context, got %d; give shorter windows"
              .formatted(maxContext, length));
    }
    if (count < 1 || (long) count * length > tokens.length) {
      throw new IllegalArgumentException(
          "--windows %d --length %d: expected 1 to %d windows, the text has %d tokens"
              .formatted(count, length, tokens.length / length, tokens.length));
    }
    List<int[]> windows = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      windows.add(Arrays.copyOfRange(tokens, i * length, (i + 1) * length));
    }
    return windows;
  }

  /** Measures a model; {@code progress} receives the number of windows done. */
  public static Perplexity measure(LogitSource model, List<int[]> windows, IntConsumer progress) {
    Sum sum = new Sum(windows);
    if (model instanceof ReferenceLogits reference) {
      reference.runAll(windows, sum::row);
      progress.accept(windows.size());
    } else {
      for (int w = 0; w < windows.size(); w++) {
        int window = w;
        model.run(windows.get(w), (position, logits) -> sum.row(window, position, logits));
        progress.accept(w + 1);
      }
    }
    return sum.result();
  }

  /** The running sum of each window. */
  private static final class Sum {
    private final List<int[]> windows;
    private final double[] nll;

    Sum(List<int[]> windows) {
      this.windows = windows;
      this.nll = new double[windows.size()];
    }

    void row(int window, int position, float[] logits) {
      int[] ids = windows.get(window);
      if (position + 1 < ids.length) {
        nll[window] -= logProbability(logits, ids[position + 1]);
      }
    }

    Perplexity result() {
      List<Double> means = new ArrayList<>();
      long tokens = 0;
      for (int w = 0; w < nll.length; w++) {
        int predicted = windows.get(w).length - 1;
        means.add(nll[w] / predicted);
        tokens += predicted;
      }
      return new Perplexity(means, tokens);
    }
  }

  /** Returns the log-softmax of {@code logits} at {@code token}, in float64. */
  static double logProbability(float[] logits, int token) {
    float max = Float.NEGATIVE_INFINITY;
    for (float logit : logits) {
      max = Math.max(max, logit);
    }
    double sum = 0;
    for (float logit : logits) {
      sum += Math.exp((double) logit - max);
    }
    return logits[token] - max - Math.log(sum);
  }
}
