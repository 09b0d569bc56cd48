package io.calm.checkpoint.template;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Rewrites expressions that Jinjava reads otherwise than Python. It takes {@code not} with the next
 * operand alone ({@code not x is defined} as {@code (not x) is defined}): here its operand, up to
 * the next {@code and}, {@code or}, {@code if}, {@code else}, comma or closing bracket, gets
 * parentheses. So does the value of a named argument ({@code f(a=b - 1)} was {@code f((a=b) - 1)}).
 * A slice with a step, which it cannot read, becomes the method {@link #SLICE}.
 */
final class PythonSyntax {
  /** Method of lists and strings: start, stop and step, each perhaps none. */
  static final String SLICE = "__slice__";

  private static final Pattern TOKEN =
      Pattern.compile(
          "'(?:[^'\\\\]|\\\\.)*'|\"(?:[^\"\\\\]|\\\\.)*\"|[A-Za-z_][A-Za-z0-9_]*|\\s+|.",
          Pattern.DOTALL);

  private final String expression;
  private final Matcher tokens;
  private final StringBuilder out = new StringBuilder();
  private String token = "";
  private String before = "";

  private PythonSyntax(String expression) {
    this.expression = expression;
    this.tokens = TOKEN.matcher(expression);
  }

  /** Rewrites the text inside a statement or an output, without its marks. */
  static String rewrite(String expression) {
    PythonSyntax rewriting = new PythonSyntax(expression);
    rewriting.next();
    while (!rewriting.token.isEmpty()) {
      rewriting.one();
    }
    return rewriting.out.toString();
  }

  private void one() {
    if (token.equals("not") && !before.equals("is") && !nextIsIn()) {
      negation();
    } else if ("([{".contains(token)) {
      brackets();
    } else {
      copy();
    }
  }

  private void negation() {
    copy();
    out.append(" (");
    while (!token.isEmpty() && !endsOperand()) {
      one();
    }
    out.append(") ");
  }

  private void brackets() {
    String bracket = token;
    int from = out.length();
    List<Integer> colons = new ArrayList<>();
    copy();
    while (!token.isEmpty() && !")]}".contains(token)) {
      if (bracket.equals("[") && token.equals(":")) {
        colons.add(out.length());
      }
      if (bracket.equals("(") && isAssignment()) {
        namedArgument();
      } else {
        one();
      }
    }
    if (colons.size() == 2) {
      String start = out.substring(from + 1, colons.get(0));
      String stop = out.substring(colons.get(0) + 1, colons.get(1));
      String step = out.substring(colons.get(1) + 1);
      out.setLength(from);
      out.append('.').append(SLICE).append('(').append(argument(start)).append(',');
      out.append(argument(stop)).append(',').append(argument(step)).append(')');
      before = "]";
      next();
    } else {
      copy();
    }
  }

  private static String argument(String text) {
    return text.isBlank() ? "none" : text;
  }

  private boolean isAssignment() {
    return token.equals("=") && !"=!<>".contains(before) && !next(1).equals("=");
  }

  private void namedArgument() {
    copy();
    out.append('(');
    while (!token.isEmpty() && !token.equals(",") && !token.equals(")")) {
      one();
    }
    out.append(')');
  }

  private boolean endsOperand() {
    return switch (token) {
      case "and", "or", "if", "else", ",", ")", "]", "}", ":" -> true;
      default -> false;
    };
  }

  private boolean nextIsIn() {
    return next(1).isBlank() && next(2).equals("in");
  }

  /** Returns the token that comes {@code count} after this one, white space counted. */
  private String next(int count) {
    Matcher ahead = TOKEN.matcher(expression);
    ahead.region(tokens.end(), expression.length());
    String found = "";
    for (int i = 0; i < count; i++) {
      found = ahead.find() ? ahead.group() : "";
    }
    return found;
  }

  private void copy() {
    out.append(token);
    if (!token.isBlank()) {
      before = token;
    }
    next();
  }

  private void next() {
    token = tokens.find() ? tokens.group() : "";
  }
}
