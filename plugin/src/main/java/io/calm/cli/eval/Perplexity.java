package io.calm.cli.eval;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * Perplexity over disjoint windows: exp of the mean negative log-likelihood of every token but each
 * window's first.
 *
 * @param meanNll nats per token
 * @param tokens predicted tokens that were counted
 * @param windows windows that were run
 */
public record Perplexity(double meanNll, long tokens, int windows) {

  /** Returns exp(mean NLL). */
  public double value() {
    return Math.exp(meanNll);
  }

  /**
   * Cuts the first windows of a text.
   *
   * @param maxContext maximum tokens of the model
   * @throws IllegalArgumentException if the text is too short or the windows are too long
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

  /** Measures the perplexity. {@code progress} receives the number of finished windows. */
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
    return new Perplexity(sum.nll / sum.tokens, sum.tokens, windows.size());
  }

  /** The running sum over all windows. */
  private static final class Sum {
    private final List<int[]> windows;
    private double nll;
    private long tokens;

    Sum(List<int[]> windows) {
      this.windows = windows;
    }

    void row(int window, int position, float[] logits) {
      int[] ids = windows.get(window);
      if (position + 1 < ids.length) {
        nll -= logProbability(logits, ids[position + 1]);
        tokens++;
      }
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
