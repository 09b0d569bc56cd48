package io.calm.serving.reply;

import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** Finds one member of a JSON object without building the others. Single use. */
final class MemberScan {
  private final byte[] body;
  private int at;

  MemberScan(byte[] body) {
    this.body = body;
  }

  /** Returns the first member of that name if it is a string, a number or a flag. */
  Optional<String> find(String name) {
    try {
      if (!read('{')) {
        return Optional.empty();
      }
      while (peek() == '"') {
        String key = string();
        if (!read(':')) {
          return Optional.empty();
        }
        if (key.equals(name)) {
          return primitive();
        }
        skip();
        if (!read(',')) {
          return Optional.empty();
        }
      }
      return Optional.empty();
    } catch (ApiException malformed) {
      return Optional.empty();
    }
  }

  /** Returns the next byte that is not white space; -1 at the end. */
  private int peek() {
    while (at < body.length) {
      byte c = body[at];
      if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
        return c;
      }
      at++;
    }
    return -1;
  }

  private boolean read(char c) {
    boolean found = peek() == c;
    if (found) {
      at++;
    }
    return found;
  }

  private String string() {
    JsonStrings strings = new JsonStrings(body, body.length);
    String text = strings.read(at);
    at = strings.end();
    if (JsonStrings.halfPair(text) >= 0) {
      throw ApiException.invalid("body", "expected Unicode text");
    }
    return text;
  }

  private Optional<String> primitive() {
    int c = peek();
    if (c == '"') {
      return Optional.of(string());
    }
    if (c == '{' || c == '[' || c < 0) {
      return Optional.empty();
    }
    int start = at;
    skip();
    String text = new String(body, start, at - start, StandardCharsets.UTF_8).strip();
    return text.equals("null") ? Optional.empty() : Optional.of(text);
  }

  /** Skips a value: to the comma or the bracket that ends it. */
  private void skip() {
    int depth = 0;
    for (; at < body.length; at++) {
      switch (body[at]) {
        case '"' -> skipString();
        case '{', '[' -> depth++;
        case '}', ']' -> {
          if (depth-- == 0) {
            return;
          }
        }
        case ',' -> {
          if (depth == 0) {
            return;
          }
        }
        default -> {
          // a part of a number, a word, or white space
        }
      }
    }
  }

  /** Skips a string, to its closing quotation mark. */
  private void skipString() {
    for (at++; at < body.length && body[at] != '"'; at++) {
      if (body[at] == '\\') {
        at++;
      }
    }
  }
}
