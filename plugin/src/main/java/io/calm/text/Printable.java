package io.calm.text;

import org.jspecify.annotations.Nullable;

/**
 * Makes strings from files and clients safe to print in logs, messages and answers. The result is
 * one line of limited length without control characters. An untrusted string can therefore neither
 * forge a log line, nor control a terminal, nor flood a log.
 */
public final class Printable {
  /** Default maximum number of input characters (UTF-16 units) in the result. */
  public static final int MAX_LENGTH = 200;

  private Printable() {}

  /**
   * Returns {@code value}'s string form on one line, truncated to {@link #MAX_LENGTH} characters.
   * The full length follows if the string was truncated. Control and format characters, line
   * separators and lone surrogates are escaped as {@code \n} or {@code \}{@code u001b}.
   *
   * @param value any value; {@code null} gives {@code "null"}
   */
  public static String of(@Nullable Object value) {
    return of(value, MAX_LENGTH);
  }

  /**
   * Returns a printable form with another maximum length, e.g. for a path or a message whose parts
   * are already truncated.
   *
   * @param maxLength maximum number of characters kept; at least 1
   */
  public static String of(@Nullable Object value, int maxLength) {
    String text = String.valueOf(value);
    int end = text.length();
    if (end > maxLength) {
      end = Character.isHighSurrogate(text.charAt(maxLength - 1)) ? maxLength - 1 : maxLength;
    }
    StringBuilder out = new StringBuilder(end + 32);
    int next;
    for (int i = 0; i < end; i = next) {
      int c = text.codePointAt(i);
      next = i + Character.charCount(c);
      append(out, c);
    }
    if (end < text.length()) {
      out.append("... (").append(text.length()).append(" characters)");
    }
    return out.toString();
  }

  private static void append(StringBuilder out, int c) {
    switch (c) {
      case '\n' -> out.append("\\n");
      case '\r' -> out.append("\\r");
      case '\t' -> out.append("\\t");
      default -> {
        if (isPrintable(c)) {
          out.appendCodePoint(c);
        } else {
          for (char unit : Character.toChars(c)) {
            out.append("\\u%04x".formatted((int) unit));
          }
        }
      }
    }
  }

  private static boolean isPrintable(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.SURROGATE ->
          false;
      default -> true;
    };
  }
}
