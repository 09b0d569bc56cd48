package io.calm.jinja;

import io.calm.jinja.Token.Kind;
import java.util.Deque;
import java.util.List;

/** Splits the inside of a tag into tokens. */
final class TagLexer {
  private static final List<String> OPERATORS =
      List.of(
          "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{",
          "}", ">", "<", "=", ".", ":", "|", ",", ";");

  private final String source;
  private final List<Token> tokens;
  private int line;

  TagLexer(String source, List<Token> tokens) {
    this.source = source;
    this.tokens = tokens;
  }

  /**
   * Reads tokens up to the end of the tag, ignoring end marks inside brackets.
   *
   * @return the start of the text after the tag
   */
  int read(int from, int line, boolean block, Deque<Character> brackets) {
    this.line = line;
    int at = from;
    while (at < source.length()) {
      int end = brackets.isEmpty() ? end(at, block) : -1;
      if (end >= 0) {
        tokens.add(new Token(block ? Kind.BLOCK_END : Kind.VARIABLE_END, "", this.line));
        return end;
      }
      at = token(at, brackets);
    }
    return at;
  }

  /** Returns the end of the end mark at {@code at}; negative if there is none. */
  private int end(int at, boolean block) {
    String mark = block ? "%}" : "}}";
    if (source.startsWith("-" + mark, at)) {
      return PyText.skipSpace(source, at + 3);
    }
    if (block && source.startsWith("+%}", at)) {
      return at + 3;
    }
    if (!source.startsWith(mark, at)) {
      return -1;
    }
    return block && source.startsWith("\n", at + 2) ? at + 3 : at + 2;
  }

  private int token(int at, Deque<Character> brackets) {
    char c = source.charAt(at);
    if (PyText.isSpace(c)) {
      if (c == '\n') {
        line++;
      }
      return at + 1;
    }
    if (isDigit(at)) {
      int end = fraction(at);
      if (end > 0) {
        return add(Kind.FLOAT, at, end);
      }
      return add(Kind.INTEGER, at, integer(at));
    }
    int part = source.codePointAt(at);
    if (part == '_' || Character.isUnicodeIdentifierStart(part)) {
      return name(at);
    }
    if (c == '\'' || c == '"') {
      return string(at, c);
    }
    for (String operator : OPERATORS) {
      if (source.startsWith(operator, at)) {
        balance(operator, brackets);
        return add(Kind.OPERATOR, at, at + operator.length());
      }
    }
    throw new TemplateSyntaxException(
        "unexpected char " + Repr.quote(new StringBuilder().appendCodePoint(part).toString()),
        line);
  }

  private int add(Kind kind, int from, int to) {
    tokens.add(new Token(kind, source.substring(from, to), line));
    return to;
  }

  private void balance(String operator, Deque<Character> brackets) {
    switch (operator.charAt(0)) {
      case '{' -> brackets.push('}');
      case '(' -> brackets.push(')');
      case '[' -> brackets.push(']');
      case '}', ')', ']' -> {
        if (brackets.isEmpty()) {
          throw new TemplateSyntaxException("unexpected '" + operator + "'", line);
        }
        char expected = brackets.pop();
        if (expected != operator.charAt(0)) {
          throw new TemplateSyntaxException(
              "unexpected '%s', expected '%s'".formatted(operator, expected), line);
        }
      }
      default -> {}
    }
  }

  private int name(int at) {
    int end = at;
    while (end < source.length()) {
      int c = source.codePointAt(end);
      if (c != '_' && !Character.isUnicodeIdentifierPart(c)) {
        break;
      }
      end += Character.charCount(c);
    }
    return add(Kind.NAME, at, end);
  }

  private int string(int at, char quote) {
    for (int i = at + 1; i < source.length(); i++) {
      char c = source.charAt(i);
      if (c == '\\') {
        i++;
      } else if (c == quote) {
        String body = source.substring(at + 1, i);
        tokens.add(new Token(Kind.STRING, StringLiteral.unescape(body, line), line));
        line += (int) body.chars().filter(b -> b == '\n').count();
        return i + 1;
      }
    }
    throw new TemplateSyntaxException(
        "unexpected char %s: the string is not closed".formatted(Repr.quote(quote + "")), line);
  }

  private boolean isDigit(int at) {
    return at < source.length() && source.charAt(at) >= '0' && source.charAt(at) <= '9';
  }

  /** Returns the end of a number's digits, which may contain single underscores. */
  private int digits(int at) {
    int end = at;
    while (isDigit(end) || (end > at && source.startsWith("_", end) && isDigit(end + 1))) {
      end++;
    }
    return end;
  }

  /** Returns the end of a float; 0 if there is none. */
  private int fraction(int at) {
    if (at > 0 && source.charAt(at - 1) == '.') {
      return 0;
    }
    int end = digits(at);
    boolean real = source.startsWith(".", end) && isDigit(end + 1);
    if (real) {
      end = digits(end + 1);
    }
    if (end < source.length() && (source.charAt(end) | 0x20) == 'e') {
      int exponent = end + 1;
      if (exponent < source.length() && "+-".indexOf(source.charAt(exponent)) >= 0) {
        exponent++;
      }
      if (isDigit(exponent)) {
        return digits(exponent);
      }
    }
    return real ? end : 0;
  }

  private int integer(int at) {
    if (source.charAt(at) != '0') {
      return digits(at);
    }
    if (at + 1 < source.length()) {
      int radix =
          switch (source.charAt(at + 1) | 0x20) {
            case 'x' -> 16;
            case 'o' -> 8;
            case 'b' -> 2;
            default -> 0;
          };
      int end = radix > 0 ? digits(at + 2, radix) : at;
      if (end > at + 2) {
        return end;
      }
    }
    return digits(at + 1, 1);
  }

  /** Returns the end of the digits of a radix after a prefix; 1 is the radix of zeros. */
  private int digits(int at, int radix) {
    int end = at;
    while (isDigit(end, radix) || (source.startsWith("_", end) && isDigit(end + 1, radix))) {
      end++;
    }
    return end;
  }

  private boolean isDigit(int at, int radix) {
    return at < source.length()
        && (radix == 1 ? source.charAt(at) == '0' : Character.digit(source.charAt(at), radix) >= 0);
  }
}
