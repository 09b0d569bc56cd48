package io.calm.cli.eval;

import java.util.List;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/**
 * The scores of a model on the windows of a text: perplexity, which is exp of the mean negative
 * log-likelihood of every token but the first of each window, and the divergence from the
 * full-precision model.
 *
 * <p>Tokens of one window depend on each other, so standard errors take a window as one
 * observation. They say how far a figure depends on which windows of the text were taken. Two
 * models on the same windows are compared by their paired difference ({@link #minus}), whose error
 * is far smaller.
 *
 * @param windows the scores of each window; all windows have one length
 * @param compared whether the windows were compared with the full-precision model
 */
public record Perplexity(List<BranchScore> windows, boolean compared) {

  public Perplexity {
    windows = List.copyOf(windows);
    if (windows.isEmpty()) {
      throw new IllegalArgumentException("perplexity: expected at least one window, got none");
    }
  }

  /**
   * The paired differences of two models.
   *
   * @param nll in nats per token
   * @param kl in nats per token
   * @param agreement difference of the fractions of tokens
   */
  public record Difference(Estimate nll, Optional<Estimate> kl, Optional<Estimate> agreement) {

    /** Returns the relative difference of the perplexities, to first order in the error. */
    public Estimate relativePerplexity() {
      return new Estimate(Math.expm1(nll.mean()), Math.exp(nll.mean()) * nll.standardError());
    }
  }

  /** Returns the number of scored tokens. */
  public long tokens() {
    return windows.stream().mapToLong(BranchScore::tokens).sum();
  }

  /** Returns the mean negative log-likelihood, in nats per token. */
  public Estimate nll() {
    return Estimate.of(values(BranchScore::meanNll));
  }

  /** Returns exp(mean NLL); its error to first order. */
  public Estimate perplexity() {
    Estimate nll = nll();
    double value = Math.exp(nll.mean());
    return new Estimate(value, value * nll.standardError());
  }

  /** Returns the mean KL(full precision || model), in nats per token. */
  public Optional<Estimate> kl() {
    return compared ? Optional.of(Estimate.of(values(BranchScore::meanKl))) : Optional.empty();
  }

  /**
   * Returns the fraction of tokens, 0 to 1, at which the most probable next token is the one of the
   * full-precision model.
   */
  public Optional<Estimate> agreement() {
    return compared ? Optional.of(Estimate.of(values(BranchScore::agreement))) : Optional.empty();
  }

  /**
   * Returns the paired differences, this minus other.
   *
   * @throws IllegalArgumentException if the other has another number of windows or tokens
   */
  public Difference minus(Perplexity other) {
    if (windows.size() != other.windows.size() || tokens() != other.tokens()) {
      throw new IllegalArgumentException(
          "perplexity: expected the same windows, got %d of %d tokens and %d of %d"
              .formatted(windows.size(), tokens(), other.windows.size(), other.tokens()));
    }
    boolean both = compared && other.compared;
    return new Difference(
        difference(other, BranchScore::meanNll),
        both ? Optional.of(difference(other, BranchScore::meanKl)) : Optional.empty(),
        both ? Optional.of(difference(other, BranchScore::agreement)) : Optional.empty());
  }

  private Estimate difference(Perplexity other, ToDoubleFunction<BranchScore> value) {
    return Estimate.ofDifferences(values(value), other.values(value));
  }

  private double[] values(ToDoubleFunction<BranchScore> value) {
    return windows.stream().mapToDouble(value).toArray();
  }
}
