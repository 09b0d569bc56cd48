package io.calm.checkpoint.tokenizer.json;

import io.calm.checkpoint.CheckpointException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A strict pull parser for JSON (RFC 8259). Rejects comments, trailing commas, unquoted names, byte
 * order marks, unpaired surrogates and duplicate names. Limits nesting and the number of values. A
 * value is a String, Boolean, {@link Numeral}, List, Map or {@link #NULL}. Not thread safe.
 */
final class StrictJson {
  /** The value {@code null}. */
  static final Object NULL =
      new Object() {
        @Override
        public String toString() {
          return "null";
        }
      };

  /** A number in its original spelling. */
  record Numeral(String text) {
    @Override
    public String toString() {
      return text;
    }
  }

  private final String text;
  private final String source;
  private final StringBuilder buffer = new StringBuilder();
  private int at;
  private int values;

  /**
   * Creates a parser at the start of a text.
   *
   * @param source the file, for error messages
   */
  StrictJson(String text, String source) {
    this.text = text;
    this.source = source;
  }

  /** Returns the position of the next character, for {@link #seek}. */
  int position() {
    return at;
  }

  /** Returns to a position from {@link #position}. */
  void seek(int position) {
    at = position;
  }

  /** Requires that only white space is left. */
  void end() {
    peek();
    if (at < text.length()) {
      throw fault("the end of the file");
    }
  }

  /** Returns the next non-white-space character without consuming it; 0 at the end. */
  char peek() {
    while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
    return at < text.length() ? text.charAt(at) : 0;
  }

  /** Consumes one structural character. */
  void take(char expected) {
    if (peek() != expected || at >= text.length()) {
      throw fault("'" + expected + "'");
    }
    at++;
  }

  /**
   * Advances to the next element of an opened list or object.
   *
   * @param first whether no element has been read yet
   * @return false if there is no further element and the closing character was consumed
   */
  boolean next(char close, boolean first) {
    if (peek() == close) {
      at++;
      return false;
    }
    if (!first) {
      take(',');
      if (peek() == close) {
        throw fault("another element after the comma");
      }
    }
    return true;
  }

  /** Consumes a name and its colon. */
  String name() {
    String name = string();
    take(':');
    return name;
  }

  /** Consumes any value. */
  Object value(int depth) {
    if (depth > TokenizerLimits.JSON_DEPTH) {
      throw fault("at most " + TokenizerLimits.JSON_DEPTH + " nested values");
    }
    if (++values > TokenizerLimits.JSON_VALUES) {
      throw fault("at most " + TokenizerLimits.JSON_VALUES + " values beside the vocabulary");
    }
    return switch (peek()) {
      case '{' -> object(depth);
      case '[' -> list(depth);
      case '"' -> string();
      case 't' -> literal("true", true);
      case 'f' -> literal("false", false);
      case 'n' -> literal("null", NULL);
      default -> number();
    };
  }

  private Map<String, Object> object(int depth) {
    take('{');
    Map<String, Object> fields = new LinkedHashMap<>();
    while (next('}', fields.isEmpty())) {
      String name = name();
      if (fields.containsKey(name)) {
        throw duplicate(name);
      }
      fields.put(name, value(depth + 1));
    }
    return fields;
  }

  private List<Object> list(int depth) {
    take('[');
    List<Object> elements = new ArrayList<>();
    while (next(']', elements.isEmpty())) {
      elements.add(value(depth + 1));
    }
    return elements;
  }

  private Object literal(String word, Object value) {
    if (!text.startsWith(word, at)) {
      throw fault("a JSON value");
    }
    at += word.length();
    return value;
  }

  /** Consumes a number. */
  Numeral number() {
    peek();
    int start = at;
    accept('-');
    if (!accept('0')) {
      digits();
    }
    if (accept('.')) {
      digits();
    }
    if (accept('e') || accept('E')) {
      if (!accept('+')) {
        accept('-');
      }
      digits();
    }
    if (at - start > 64) {
      throw fault("a number of at most 64 characters");
    }
    return new Numeral(text.substring(start, at));
  }

  private boolean accept(char c) {
    if (at < text.length() && text.charAt(at) == c) {
      at++;
      return true;
    }
    return false;
  }

  private void digits() {
    int start = at;
    while (at < text.length() && text.charAt(at) >= '0' && text.charAt(at) <= '9') {
      at++;
    }
    if (at == start) {
      throw fault("a JSON value");
    }
  }

  /** Consumes a string. */
  String string() {
    take('"');
    int start = at;
    while (at < text.length()) {
      char c = text.charAt(at);
      if (c == '"') {
        return text.substring(start, at++);
      }
      if (c == '\\' || c < ' ' || Character.isSurrogate(c)) {
        break;
      }
      at++;
    }
    buffer.setLength(0);
    buffer.append(text, start, at);
    return rest();
  }

  private String rest() {
    while (at < text.length()) {
      char c = text.charAt(at);
      if (c == '"') {
        at++;
        return paired(buffer.toString());
      }
      if (c < ' ') {
        throw fault("control characters in strings as escapes");
      }
      at++;
      buffer.append(c == '\\' ? escape() : c);
    }
    throw fault("the end of the string");
  }

  private char escape() {
    char c = at < text.length() ? text.charAt(at++) : 0;
    return switch (c) {
      case '"', '\\', '/' -> c;
      case 'b' -> '\b';
      case 'f' -> '\f';
      case 'n' -> '\n';
      case 'r' -> '\r';
      case 't' -> '\t';
      case 'u' -> unit();
      default -> throw fault("an escape of JSON");
    };
  }

  private char unit() {
    int unit = 0;
    for (int end = at + 4; at < end; at++) {
      int digit = at < text.length() ? hex(text.charAt(at)) : -1;
      if (digit < 0) {
        throw fault("four hexadecimal digits");
      }
      unit = unit << 4 | digit;
    }
    return (char) unit;
  }

  private static int hex(char c) {
    return c < 0x80 ? Character.digit(c, 16) : -1;
  }

  private String paired(String string) {
    int next;
    for (int i = 0; i < string.length(); i = next) {
      int c = string.codePointAt(i);
      if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
        throw fault("surrogates in pairs");
      }
      next = i + Character.charCount(c);
    }
    return string;
  }

  /** Creates the exception for a duplicate name. */
  CheckpointException duplicate(String name) {
    return fault("each name once, not " + JsonFault.quoted(name) + " again");
  }

  /** Creates an exception at the next character. */
  CheckpointException fault(String expected) {
    int line = 1;
    int start = 0;
    for (int i = 0; i < Math.min(at, text.length()); i++) {
      if (text.charAt(i) == '\n') {
        line++;
        start = i + 1;
      }
    }
    String got =
        at >= text.length()
            ? "the end of the file"
            : JsonFault.quoted(text.substring(at, Math.min(text.length(), at + 20)));
    return JsonFault.at(
        source, expected + " at line " + line + ", column " + (at - start + 1), got);
  }
}
