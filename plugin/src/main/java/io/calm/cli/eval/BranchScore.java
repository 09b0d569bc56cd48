package io.calm.cli.eval;

/**
 * Sums over the scored tokens of one branch.
 *
 * @param tokens number of scored tokens
 * @param nll negative log-likelihood, in nats
 * @param greedy number of tokens that have the largest logit
 * @param kl KL(full precision || model), in nats; 0 if it was not asked for
 * @param agreements number of tokens at which the largest logit is the one of full precision; 0 if
 *     it was not asked for
 */
public record BranchScore(int tokens, double nll, int greedy, double kl, int agreements) {

  /** Returns whether every token is the greedy choice. */
  public boolean isGreedy() {
    return greedy == tokens;
  }

  /** Returns the mean negative log-likelihood, in nats per token. */
  public double meanNll() {
    return nll / tokens;
  }

  /** Returns the mean KL divergence, in nats per token. */
  public double meanKl() {
    return kl / tokens;
  }

  /** Returns the fraction of agreements, 0 to 1. */
  public double agreement() {
    return (double) agreements / tokens;
  }
}
