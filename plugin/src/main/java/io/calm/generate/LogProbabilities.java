package io.calm.generate;

import io.calm.runtime.Decoder.Logits;
import java.util.ArrayList;
import java.util.List;

/** Log-probabilities of one row of logits [V]: {@code log p[i] = x[i] - log sum exp x}. */
record LogProbabilities(Logits logits) {

  TokenScore of(int token) {
    return new TokenScore(token, Math.min(0, logits.values()[token] - logits.logSum()));
  }

  /** Returns the {@code count} most likely tokens, best first. */
  List<TokenScore> top(int count) {
    List<TokenScore> scores = new ArrayList<>(count);
    for (int token : TopTokens.largest(logits.values(), count)) {
      scores.add(of(token));
    }
    return List.copyOf(scores);
  }
}
