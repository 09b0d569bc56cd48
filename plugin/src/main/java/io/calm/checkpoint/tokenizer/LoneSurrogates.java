package io.calm.checkpoint.tokenizer;

/**
 * Replaces unpaired surrogates, so that a string can be encoded as UTF-8. With one in the string,
 * the native library would decode the JVM's modified UTF-8 lossily and corrupt U+0000 and all
 * characters above U+FFFF.
 */
final class LoneSurrogates {
  private LoneSurrogates() {}

  /** Returns {@code text} with each unpaired surrogate replaced by U+FFFD. */
  static String replace(String text) {
    int first = find(text, 0);
    if (first == text.length()) {
      return text;
    }
    StringBuilder out = new StringBuilder(text);
    for (int i = first; i < text.length(); i = find(text, i + 1)) {
      out.setCharAt(i, '\uFFFD');
    }
    return out.toString();
  }

  private static int find(String text, int from) {
    int i = from;
    while (i < text.length()) {
      int c = text.codePointAt(i);
      if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
        return i;
      }
      i += Character.charCount(c);
    }
    return i;
  }
}
