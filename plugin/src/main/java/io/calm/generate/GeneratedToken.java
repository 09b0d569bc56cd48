package io.calm.generate;

import java.util.List;
import java.util.Optional;

/**
 * One generated token.
 *
 * @param index position in the answer, from 0
 * @param text text that became final with this token; empty while it may be the start of a stop
 *     string or an incomplete character. The concatenation over all tokens is the answer
 * @param score the token's id and log-probability
 * @param top the most likely tokens, best first, as many as requested
 * @param end the reason if the answer ends with this token
 * @param elapsedNanos nanoseconds since the request was submitted
 */
public record GeneratedToken(
    int index,
    String text,
    TokenScore score,
    List<TokenScore> top,
    Optional<Finish.Reason> end,
    long elapsedNanos) {

  /** Returns this token without its alternatives. */
  public GeneratedToken withoutTop() {
    return top.isEmpty()
        ? this
        : new GeneratedToken(index, text, score, List.of(), end, elapsedNanos);
  }
}
