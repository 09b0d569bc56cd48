package io.calm.jinja;

/** Python's escapes in string literals. */
final class StringLiteral {
  private static final String SIMPLE = "\\'\"abfnrtv";
  private static final String MEANING = "\\'\"\007\b\f\n\r\t\013";

  private final String body;
  private final int line;
  private final StringBuilder out = new StringBuilder();

  private StringLiteral(String body, int line) {
    this.body = body;
    this.line = line;
  }

  static String unescape(String body, int line) {
    if (body.indexOf('\\') < 0) {
      return body;
    }
    StringLiteral literal = new StringLiteral(body, line);
    int at = 0;
    while (at < body.length()) {
      char c = body.charAt(at++);
      if (c == '\\' && at < body.length()) {
        at = literal.escape(at);
      } else {
        literal.out.append(c);
      }
    }
    return literal.out.toString();
  }

  /** Decodes the escape after a backslash; returns the index after it. */
  private int escape(int at) {
    char c = body.charAt(at);
    int simple = SIMPLE.indexOf(c);
    if (simple >= 0) {
      out.append(MEANING.charAt(simple));
      return at + 1;
    }
    if (c >= '0' && c <= '7') {
      return octal(at);
    }
    return switch (c) {
      case '\n' -> at + 1;
      case 'x' -> hex(at, 2);
      case 'u' -> hex(at, 4);
      case 'U' -> hex(at, 8);
      case 'N' -> named(at);
      default -> unknown(at);
    };
  }

  private int octal(int at) {
    int end = at;
    int value = 0;
    while (end < body.length()
        && end < at + 3
        && body.charAt(end) >= '0'
        && body.charAt(end) <= '7') {
      value = value * 8 + body.charAt(end++) - '0';
    }
    out.appendCodePoint(value);
    return end;
  }

  private int hex(int at, int digits) {
    int end = at + 1 + digits;
    String text = end <= body.length() ? body.substring(at + 1, end) : "";
    if (text.isEmpty() || !text.chars().allMatch(d -> Character.digit(d, 16) >= 0 && d < 128)) {
      throw new TemplateSyntaxException(
          "truncated \\%s escape in a string".formatted(body.charAt(at) + "X".repeat(digits)),
          line);
    }
    long value = Long.parseLong(text, 16);
    if (value > Character.MAX_CODE_POINT) {
      throw new TemplateSyntaxException("illegal Unicode character in a string", line);
    }
    out.appendCodePoint((int) value);
    return end;
  }

  private int named(int at) {
    int close = body.startsWith("{", at + 1) ? body.indexOf('}', at) : -1;
    if (close < 0) {
      throw new TemplateSyntaxException("malformed \\N character escape in a string", line);
    }
    try {
      out.appendCodePoint(Character.codePointOf(body.substring(at + 2, close)));
    } catch (IllegalArgumentException e) {
      throw new TemplateSyntaxException("unknown Unicode character name in a string", line);
    }
    return close + 1;
  }

  /**
   * Keeps the backslash of an unknown escape. Jinja2 escapes non-ASCII characters before decoding,
   * so their code appears after a backslash.
   */
  private int unknown(int at) {
    int c = body.codePointAt(at);
    out.append('\\');
    if (c < 0x80) {
      out.append((char) c);
    } else {
      out.append((c < 0x100 ? "x%02x" : c < 0x10000 ? "u%04x" : "U%08x").formatted(c));
    }
    return at + Character.charCount(c);
  }
}
