package io.calm.generate;

import java.util.List;

/**
 * One generated token.
 *
 * @param index place in the answer, from 0
 * @param text what became certain with this token: empty while it may be the start of a stop string
 *     or an unfinished character; the concatenation over all tokens is the answer
 * @param score the token's id and log-probability
 * @param top the likeliest tokens, best first, as many as were asked for
 * @param elapsedNanos since the request was submitted
 */
public record GeneratedToken(
    int index, String text, TokenScore score, List<TokenScore> top, long elapsedNanos) {}
