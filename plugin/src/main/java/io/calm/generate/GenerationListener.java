package io.calm.generate;

import java.util.List;

/**
 * Receives the events of one generation, in order, on the scheduler's thread: it must not block,
 * and what it throws ends its own generation alone.
 */
public interface GenerationListener {

  /**
   * The prompt has been read; called once before {@link #prompt} and the first token.
   *
   * @param cachedTokens of it, whose keys and values were there when the request started
   */
  default void promptRead(int cachedTokens) {}

  /**
   * The prompt's tokens with their log-probabilities; called once before the first token where
   * {@link GenerationRequest#promptScores} is present.
   *
   * @param top the likeliest tokens at each position, best first; empty at the first
   */
  default void prompt(List<TokenScore> scores, List<List<TokenScore>> top) {}

  /** A token was generated. */
  void token(GeneratedToken token);

  /** The last event; exactly once, whatever happens. The sequence's memory is free by then. */
  void finished(Finish finish);
}
