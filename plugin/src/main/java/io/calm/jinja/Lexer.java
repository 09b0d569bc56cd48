package io.calm.jinja;

import io.calm.jinja.Token.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * Splits a template into tokens, with {@code trim_blocks} and {@code lstrip_blocks} on and {@code
 * keep_trailing_newline} off. Follows {@code jinja2/lexer.py}.
 */
final class Lexer {
  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private final TagLexer tag;
  private int at;
  private int line = 1;
  private boolean lineStarting = true;

  private Lexer(String source) {
    this.source = source;
    this.tag = new TagLexer(source, tokens);
  }

  static List<Token> tokens(String template) {
    String source = template.replace("\r\n", "\n").replace('\r', '\n');
    if (source.endsWith("\n")) {
      source = source.substring(0, source.length() - 1);
    }
    Lexer lexer = new Lexer(source);
    while (lexer.at < source.length()) {
      lexer.text();
    }
    lexer.tokens.add(new Token(Kind.END, "", lexer.line));
    return lexer.tokens;
  }

  /** Reads the text up to the next tag, and the tag. */
  private void text() {
    int open = at;
    do {
      open = source.indexOf('{', open) + 1;
      if (open == 0 || open >= source.length()) {
        data(source.length(), source.length());
        return;
      }
    } while ("{%#".indexOf(source.charAt(open)) < 0);
    char kind = source.charAt(open);
    int start = open - 1;
    int inside = open + 1;
    char sign = inside < source.length() ? source.charAt(inside) : ' ';
    boolean signed = sign == '-' || sign == '+';
    int raw = kind == '%' ? tag(signed ? inside + 1 : inside, "raw", false) : -1;
    data(textEnd(start, kind != '{', signed ? sign : ' '), start);
    advance(signed ? inside + 1 : inside);
    if (raw >= 0) {
      advance(raw);
      raw();
    } else if (kind == '#') {
      comment();
    } else {
      boolean block = kind == '%';
      tokens.add(new Token(block ? Kind.BLOCK_BEGIN : Kind.VARIABLE_BEGIN, "", line));
      Deque<Character> brackets = new ArrayDeque<>();
      lineStarting = false;
      int end = tag.read(at, line, block, brackets);
      advance(end);
    }
  }

  /** Adds a token for the text up to {@code end} and continues at {@code next}. */
  private void data(int end, int next) {
    if (end > at) {
      tokens.add(new Token(Kind.DATA, source.substring(at, end), line));
    }
    advance(next);
  }

  private void advance(int next) {
    if (next > at) {
      for (int i = at; i < next; i++) {
        if (source.charAt(i) == '\n') {
          line++;
        }
      }
      lineStarting = source.charAt(next - 1) == '\n';
      at = next;
    }
  }

  /** Returns the end of the text before a tag, without stripped white space. */
  private int textEnd(int start, boolean strips, char sign) {
    int end = start;
    while (end > at && PyText.isSpace(source.charAt(end - 1))) {
      if (sign != '-' && source.charAt(end - 1) == '\n') {
        break;
      }
      end--;
    }
    if (sign == '-') {
      return end;
    }
    boolean atLineStart = end > at ? source.charAt(end - 1) == '\n' : lineStarting;
    return strips && sign != '+' && atLineStart ? end : start;
  }

  /**
   * Matches the rest of a tag with a given name, after its sign.
   *
   * @return the end of the tag; negative if it is another tag
   */
  private int tag(int from, String name, boolean trims) {
    int i = PyText.skipSpace(source, from);
    if (!source.startsWith(name, i)) {
      return -1;
    }
    i = PyText.skipSpace(source, i + name.length());
    if (source.startsWith("-%}", i)) {
      return PyText.skipSpace(source, i + 3);
    }
    if (trims && source.startsWith("+%}", i)) {
      return i + 3;
    }
    if (!source.startsWith("%}", i)) {
      return -1;
    }
    return trims && source.startsWith("\n", i + 2) ? i + 3 : i + 2;
  }

  private void comment() {
    int close = source.indexOf("#}", at);
    if (close < 0) {
      throw new TemplateSyntaxException("missing end of comment tag", line);
    }
    int end = close + 2;
    char sign = close > at ? source.charAt(close - 1) : ' ';
    if (sign == '-') {
      end = PyText.skipSpace(source, end);
    } else if (sign != '+' && source.startsWith("\n", end)) {
      end++;
    }
    advance(end);
  }

  private void raw() {
    for (int i = source.indexOf("{%", at); i >= 0; i = source.indexOf("{%", i + 2)) {
      char sign = i + 2 < source.length() ? source.charAt(i + 2) : ' ';
      boolean signed = sign == '-' || sign == '+';
      int end = tag(signed ? i + 3 : i + 2, "endraw", true);
      if (end >= 0) {
        data(textEnd(i, true, signed ? sign : ' '), end);
        return;
      }
    }
    throw new TemplateSyntaxException("missing end of raw directive", line);
  }
}
