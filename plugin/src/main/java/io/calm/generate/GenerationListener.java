package io.calm.generate;

import java.util.List;

/**
 * Receives the events of one generation, in order, on the scheduler's thread. Methods must not
 * block. An exception ends this generation only.
 */
public interface GenerationListener {

  /**
   * Reports that the prompt was processed; called once, before {@link #prompt} and the first token.
   *
   * @param cachedTokens number of prompt tokens found in the prefix cache at the first admission
   */
  default void promptRead(int cachedTokens) {}

  /**
   * Reports the log-probabilities of the prompt's tokens; called once, before the first token, if
   * {@link GenerationRequest#promptScores} is present.
   *
   * @param top the most likely tokens at each position, best first; empty at the first position
   */
  default void prompt(List<TokenScore> scores, List<List<TokenScore>> top) {}

  /** Reports a generated token. */
  void token(GeneratedToken token);

  /** Reports the end; called exactly once in every case, after the KV blocks are released. */
  void finished(Finish finish);
}
