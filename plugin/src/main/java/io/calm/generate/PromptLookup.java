package io.calm.generate;

import java.util.Arrays;

/**
 * The predictor of one sequence's next tokens: a copy of what {@link NgramIndex} found earlier in
 * the prompt or the answer. It also estimates how likely its predictions are right.
 *
 * <p><b>Estimate.</b> Every generated token is compared with its prediction, whether or not the
 * decoder verified it, so estimates cost no decoder time. They are kept by length of the match,
 * start from a cautious prior and forget old results. A copy that continues after a replaced token
 * starts with a match of 0 tokens; after one right prediction, it counts as one of 1 token.
 *
 * <p>Source: prompt lookup decoding (Saxena, 2023), a form of speculative decoding (Leviathan et
 * al., ICML 2023). Not thread safe.
 */
final class PromptLookup {
  /** Shortest match of each class, in order. */
  private static final int[] CLASSES = {0, 1, 2, 3, 4, 6, 9, 16};

  /** Right predictions of the prior, of {@link #PRIOR_TRIALS}. */
  private static final double[] PRIOR_HITS = {1.0, 0.3, 0.8, 1.2, 1.8, 2.5, 3.2, 3.6};

  private static final double PRIOR_TRIALS = 4;

  /** Number of results at which all of a class are halved. */
  private static final double MAX_TRIALS = 32;

  private final NgramIndex index = new NgramIndex();
  private final double[] hits = PRIOR_HITS.clone();
  private final double[] trials = new double[CLASSES.length];
  private final int answerFrom;

  /** Creates the predictor of a sequence whose answer starts at position {@code answerFrom}. */
  PromptLookup(int answerFrom) {
    this.answerFrom = answerFrom;
    Arrays.fill(trials, PRIOR_TRIALS);
  }

  /** Adds the tokens up to {@code length} that are new. */
  void add(int[] tokens, int length) {
    while (index.size() < length) {
      int position = index.size();
      if (index.found() && position >= answerFrom) {
        record(classOf(index.matched()), tokens[index.next()] == tokens[position]);
      }
      index.add(tokens);
    }
  }

  private void record(int c, boolean right) {
    if (trials[c] >= MAX_TRIALS) {
      trials[c] /= 2;
      hits[c] /= 2;
    }
    trials[c]++;
    hits[c] += right ? 1 : 0;
  }

  private static int classOf(int matched) {
    int c = 0;
    while (c + 1 < CLASSES.length && matched >= CLASSES[c + 1]) {
      c++;
    }
    return c;
  }

  /**
   * Returns the probability that the prediction {@code ahead} is right if all before it are; 0
   * without a prediction.
   *
   * @param ahead number of predicted tokens before it
   */
  double probability(int ahead) {
    if (!index.found()) {
      return 0;
    }
    int c = classOf(index.matched() + ahead);
    return hits[c] / trials[c];
  }

  /**
   * Returns the predicted token.
   *
   * @param tokens the sequence
   * @param ahead number of predicted tokens before it
   */
  int predict(int[] tokens, int ahead) {
    int period = index.size() - index.next(); // a copy may overlap its source
    return tokens[index.next() + ahead % period];
  }
}
