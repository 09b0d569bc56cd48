package io.calm.jinja;

import io.calm.jinja.Token.Kind;
import java.util.List;

/** A position in the tokens of a template, with the nesting depth of the syntax. */
final class TokenStream {
  private final List<Token> tokens;
  private final int maxDepth;
  private int at;
  private int depth;

  TokenStream(List<Token> tokens, int maxDepth) {
    this.tokens = tokens;
    this.maxDepth = maxDepth;
  }

  Token current() {
    return tokens.get(at);
  }

  Token look() {
    return tokens.get(Math.min(at + 1, tokens.size() - 1));
  }

  int line() {
    return current().line();
  }

  /** Returns the current token and advances, unless at the end. */
  Token next() {
    Token token = current();
    if (token.kind() != Kind.END) {
      at++;
    }
    return token;
  }

  boolean is(Kind kind) {
    return current().kind() == kind;
  }

  boolean is(String operator) {
    return current().is(operator);
  }

  boolean isName(String name) {
    return current().isName(name);
  }

  boolean skip(String operator) {
    return advance(is(operator));
  }

  boolean skipName(String name) {
    return advance(isName(name));
  }

  private boolean advance(boolean matches) {
    if (matches) {
      next();
    }
    return matches;
  }

  Token expect(Kind kind) {
    if (!is(kind)) {
      throw expected(kind == Kind.NAME ? "a name" : new Token(kind, "", 0).describe());
    }
    return next();
  }

  Token expect(String operator) {
    if (!is(operator)) {
      throw expected("'" + operator + "'");
    }
    return next();
  }

  Token expectName(String name) {
    if (!isName(name)) {
      throw expected("'" + name + "'");
    }
    return next();
  }

  TemplateSyntaxException expected(String what) {
    return fail("expected " + what + ", got " + current().describe());
  }

  TemplateSyntaxException fail(String message) {
    return new TemplateSyntaxException(message, line());
  }

  /** Enters nested syntax; each call must be paired with {@link #leave}. */
  void enter() {
    if (++depth > maxDepth) {
      throw fail("expressions or blocks nest deeper than " + maxDepth);
    }
  }

  void leave() {
    depth--;
  }
}
