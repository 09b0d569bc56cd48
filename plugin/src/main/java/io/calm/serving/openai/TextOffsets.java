package io.calm.serving.openai;

import io.calm.checkpoint.Tokenizer;
import io.calm.serving.reply.Prompt;

/**
 * The offsets of tokens in their text, in code points, as Python indexes a string. A token that
 * starts inside a character has the offset of that character. Not thread safe.
 */
final class TextOffsets {
  private final Tokenizer.IncrementalDecoder decoder;
  private final int min;
  private final int max;
  private int offset;

  private TextOffsets(Tokenizer.IncrementalDecoder decoder, int offset, int min, int max) {
    this.decoder = decoder;
    this.offset = offset;
    this.min = min;
    this.max = max;
  }

  /**
   * Counts in an answer to {@code prompt}.
   *
   * @param echo whether the prompt's text is before the answer's
   */
  static TextOffsets ofAnswer(
      Tokenizer tokenizer, Prompt prompt, boolean showSpecial, boolean echo) {
    int start = echo ? length(prompt.beforeAnswer()) : 0;
    return new TextOffsets(
        tokenizer.newIncrementalDecoder(prompt.tokens(), !showSpecial),
        start,
        start,
        Integer.MAX_VALUE);
  }

  /**
   * Counts in a prompt's text. Tokens that the tokenizer put before the text, such as BOS, have
   * offset 0.
   */
  static TextOffsets ofPrompt(Tokenizer tokenizer, Prompt prompt) {
    String decoded = tokenizer.decode(prompt.tokens(), false);
    int length = length(prompt.text());
    int added = decoded.endsWith(prompt.text()) ? length(decoded) - length : 0;
    return new TextOffsets(tokenizer.newIncrementalDecoder(false), -added, 0, length);
  }

  /** Returns the offset of {@code token} and advances past it. */
  int next(int token) {
    int start = Math.min(Math.max(offset, min), max);
    offset += length(decoder.add(token));
    return start;
  }

  private static int length(String text) {
    return text.codePointCount(0, text.length());
  }
}
