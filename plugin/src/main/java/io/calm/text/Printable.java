package io.calm.text;

import org.jspecify.annotations.Nullable;

/**
 * Shows strings that come from files and clients in logs, messages and answers. A result is one
 * line of limited length without control characters, so a foreign string can neither forge a log
 * line, nor drive a terminal, nor flood either.
 */
public final class Printable {
  /** Characters (UTF-16 units) that a result keeps of its input. */
  public static final int MAX_LENGTH = 200;

  private Printable() {}

  /**
   * Returns {@code value}'s string form on one line: at most {@link #MAX_LENGTH} characters of it,
   * followed by the full length where something was cut, with control and format characters, line
   * separators and lone surrogates written as {@code \n} or {@code \}{@code u001b}.
   *
   * @param value any value; {@code null} gives {@code "null"}
   */
  public static String of(@Nullable Object value) {
    return of(value, MAX_LENGTH);
  }

  /**
   * Returns a printable form with another limit, for a message of parts already cut, or for a path.
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
