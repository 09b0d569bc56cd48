package io.calm.generate;

import java.util.List;
import java.util.Optional;

/**
 * One generated token.
 *
 * @param index place in the answer, from 0
 * @param text what became certain with this token: empty while it may be the start of a stop string
 *     or an unfinished character; the concatenation over all tokens is the answer
 * @param score the token's id and log-probability
 * @param top the likeliest tokens, best first, as many as were asked for
 * @param end why the answer ends with this token; empty where it goes on
 * @param elapsedNanos since the request was submitted
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
