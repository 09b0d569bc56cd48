package io.calm.checkpoint;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Token ids of texts that may be longer than a tokenizer encodes at once. */
public final class LongText {
  /** Maximum number of characters of a part of such a text. */
  static final int PART = 1_000_000;

  private LongText() {}

  /**
   * Encodes a text without adding special tokens. A text of more than {@value Tokenizer#MAX_TEXT}
   * characters is encoded in parts that end at a line feed where there is one; tokens at the ends
   * of parts may differ from those of the text as a whole.
   *
   * @throws IllegalArgumentException if the tokenizer cannot encode it
   */
  public static int[] encode(Tokenizer tokenizer, String text) {
    return encode(tokenizer, text, Tokenizer.MAX_TEXT, PART);
  }

  /** Does the same with other limits. */
  static int[] encode(Tokenizer tokenizer, String text, int max, int part) {
    if (text.length() <= max) {
      return tokenizer.encode(text, false);
    }
    List<int[]> parts = new ArrayList<>();
    int from = 0;
    while (from < text.length()) {
      int to = end(text, from, part);
      parts.add(tokenizer.encode(text.substring(from, to), false));
      from = to;
    }
    return parts.stream().flatMapToInt(Arrays::stream).toArray();
  }

  /** Returns the end of a part: after its last line feed, and not within a surrogate pair. */
  private static int end(String text, int from, int part) {
    int most = from + part;
    if (most >= text.length()) {
      return text.length();
    }
    int lineFeed = text.lastIndexOf('\n', most - 1);
    if (lineFeed >= from) {
      return lineFeed + 1;
    }
    return Character.isHighSurrogate(text.charAt(most - 1)) ? most - 1 : most;
  }
}
