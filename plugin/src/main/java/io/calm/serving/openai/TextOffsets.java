package io.calm.serving.openai;

import io.calm.checkpoint.Tokenizer;
import io.calm.serving.reply.Prompt;

/**
 * Where tokens begin in the text that they make, counted in characters (code points), as a client
 * in Python indexes a string; a token inside a character begins where the character does. Not
 * thread safe.
 */
final class TextOffsets {
  private final Tokenizer.IncrementalDecoder decoder;
  private final int least;
  private final int most;
  private int offset;

  private TextOffsets(Tokenizer.IncrementalDecoder decoder, int offset, int least, int most) {
    this.decoder = decoder;
    this.offset = offset;
    this.least = least;
    this.most = most;
  }

  /** Counts in an answer that stands behind {@code before}. */
  static TextOffsets ofAnswer(Tokenizer tokenizer, boolean showSpecial, String before) {
    int start = length(before);
    return new TextOffsets(
        tokenizer.newIncrementalDecoder(!showSpecial), start, start, Integer.MAX_VALUE);
  }

  /** Counts in a prompt's text; what the tokenizer put before it, e.g. BOS, is at its start. */
  static TextOffsets ofPrompt(Tokenizer tokenizer, Prompt prompt) {
    String decoded = tokenizer.decode(prompt.tokens(), false);
    int length = length(prompt.text());
    int added = decoded.endsWith(prompt.text()) ? length(decoded) - length : 0;
    return new TextOffsets(tokenizer.newIncrementalDecoder(false), -added, 0, length);
  }

  /** Returns where {@code token} begins, and goes on behind it. */
  int next(int token) {
    int start = Math.min(Math.max(offset, least), most);
    offset += length(decoder.add(token));
    return start;
  }

  private static int length(String text) {
    return text.codePointCount(0, text.length());
  }
}
