package io.calm.jinja;

import io.calm.jinja.Token.Kind;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;

/** Parses names, literals and bracketed expressions. */
final class PrimaryParser {
  private final TokenStream stream;
  private final ExpressionParser expressions;
  private final TemplateLimits limits;

  PrimaryParser(TokenStream stream, ExpressionParser expressions, TemplateLimits limits) {
    this.stream = stream;
    this.expressions = expressions;
    this.limits = limits;
  }

  Expr primary() {
    Token token = stream.current();
    switch (token.kind()) {
      case NAME -> {
        stream.next();
        return name(token);
      }
      case STRING -> {
        return strings();
      }
      case INTEGER -> {
        stream.next();
        return new Expr.Literal(token.line(), integer(token));
      }
      case FLOAT -> {
        stream.next();
        double value = Double.parseDouble(token.text().replace("_", ""));
        return new Expr.Literal(token.line(), new FloatValue(value));
      }
      default -> {
        return bracketed(token);
      }
    }
  }

  private static Expr name(Token token) {
    return switch (token.text()) {
      case "true", "True" -> new Expr.Literal(token.line(), BoolValue.TRUE);
      case "false", "False" -> new Expr.Literal(token.line(), BoolValue.FALSE);
      case "none", "None" -> new Expr.Literal(token.line(), NoneValue.NONE);
      default -> new Expr.Name(token.line(), token.text());
    };
  }

  private Expr strings() {
    int line = stream.line();
    String first = stream.next().text();
    if (!stream.is(Kind.STRING)) {
      return new Expr.Literal(line, new StringValue(first));
    }
    StringBuilder text = new StringBuilder(first);
    while (stream.is(Kind.STRING)) {
      text.append(stream.next().text());
    }
    return new Expr.Literal(line, new StringValue(text.toString()));
  }

  Value integer(Token token) {
    String digits = token.text().replace("_", "");
    int radix = 10;
    if (digits.length() > 2 && digits.charAt(0) == '0') {
      radix =
          switch (digits.charAt(1) | 0x20) {
            case 'x' -> 16;
            case 'o' -> 8;
            case 'b' -> 2;
            default -> 10;
          };
    }
    if (digits.length() * 4L > limits.integerBits() * (radix == 2 ? 4L : 1L)) {
      throw new TemplateSyntaxException(
          "an integer is larger than %d bits".formatted(limits.integerBits()), token.line());
    }
    return IntValue.of(new BigInteger(radix == 10 ? digits : digits.substring(2), radix));
  }

  private Expr bracketed(Token token) {
    if (token.is("(")) {
      stream.next();
      Expr result = expressions.tuple(true, "", true);
      stream.expect(")");
      return result;
    }
    if (token.is("[")) {
      return list();
    }
    if (token.is("{")) {
      return dict();
    }
    throw stream.fail("unexpected " + token.describe());
  }

  private Expr list() {
    int line = stream.next().line();
    List<Expr> items = new ArrayList<>();
    while (!stream.is("]")) {
      items.add(expressions.expression());
      if (!stream.skip(",")) {
        break;
      }
    }
    stream.expect("]");
    return new Expr.ListOf(line, items);
  }

  private Expr dict() {
    int line = stream.next().line();
    List<Expr> keys = new ArrayList<>();
    List<Expr> values = new ArrayList<>();
    while (!stream.is("}")) {
      keys.add(expressions.expression());
      stream.expect(":");
      values.add(expressions.expression());
      if (!stream.skip(",")) {
        break;
      }
    }
    stream.expect("}");
    return new Expr.DictOf(line, keys, values);
  }
}
