package io.calm.jinja;

import io.calm.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Parses the postfixes of an operand: attributes, subscripts, calls, filters and tests. */
final class PostfixParser {
  private final TokenStream stream;
  private final ExpressionParser expressions;

  PostfixParser(TokenStream stream, ExpressionParser expressions) {
    this.stream = stream;
    this.expressions = expressions;
  }

  Expr postfixes(Expr operand) {
    Expr result = operand;
    while (true) {
      if (stream.is(".")) {
        result = attribute(result);
      } else if (stream.is("[")) {
        result = subscript(result);
      } else if (stream.is("(")) {
        result = new Expr.Call(stream.line(), result, arguments());
      } else {
        return result;
      }
    }
  }

  Expr filtersAndTests(Expr operand) {
    Expr result = operand;
    while (true) {
      if (stream.skip("|")) {
        result = filter(result);
      } else if (stream.isName("is")) {
        result = test(result);
      } else if (stream.is("(")) {
        result = new Expr.Call(stream.line(), result, arguments());
      } else {
        return result;
      }
    }
  }

  /** Parses a chain of filters; the first has no bar if a block names it. */
  Expr filters(Expr operand, boolean named) {
    Expr result = named ? filter(operand) : operand;
    while (stream.skip("|")) {
      result = filter(result);
    }
    return result;
  }

  private Expr filter(Expr operand) {
    int line = stream.line();
    String name = dottedName();
    CallArguments arguments = stream.is("(") ? arguments() : CallArguments.NONE;
    return new Expr.Filter(line, operand, name, arguments);
  }

  private Expr test(Expr operand) {
    int line = stream.next().line();
    boolean negated = stream.skipName("not");
    String name = dottedName();
    CallArguments arguments = CallArguments.NONE;
    if (stream.is("(")) {
      arguments = arguments();
    } else if (beginsOperand()) {
      if (stream.isName("is")) {
        throw stream.fail("tests cannot be chained with is");
      }
      stream.enter();
      Expr operandOfTest = postfixes(expressions.primary());
      stream.leave();
      arguments = new CallArguments(List.of(operandOfTest), List.of(), List.of(), null, null);
    }
    Expr result = new Expr.Test(line, operand, name, arguments);
    return negated ? new Expr.Unary(line, Expr.UnaryOperator.NOT, result) : result;
  }

  private boolean beginsOperand() {
    Token token = stream.current();
    return switch (token.kind()) {
      case STRING, INTEGER, FLOAT -> true;
      case NAME -> !token.isName("else") && !token.isName("or") && !token.isName("and");
      case OPERATOR -> token.is("[") || token.is("{");
      default -> false;
    };
  }

  private String dottedName() {
    StringBuilder name = new StringBuilder(stream.expect(Kind.NAME).text());
    while (stream.skip(".")) {
      name.append('.').append(stream.expect(Kind.NAME).text());
    }
    return name.toString();
  }

  private Expr attribute(Expr owner) {
    int line = stream.next().line();
    Token token = stream.next();
    if (token.kind() == Kind.NAME) {
      return new Expr.Attribute(line, owner, token.text());
    }
    if (token.kind() != Kind.INTEGER || token.text().length() > 9) {
      throw new TemplateSyntaxException(
          "expected name or number, got " + token.describe(), token.line());
    }
    return new Expr.Item(line, owner, new Expr.Literal(token.line(), expressions.integer(token)));
  }

  private Expr subscript(Expr owner) {
    int line = stream.next().line();
    if (stream.is(":")) {
      return slice(line, owner, null);
    }
    if (stream.skip("]")) {
      return new Expr.Item(line, owner, new Expr.TupleOf(line, List.of()));
    }
    Expr first = expressions.expression();
    if (stream.is(":")) {
      return slice(line, owner, first);
    }
    if (!stream.is(",")) {
      stream.expect("]");
      return new Expr.Item(line, owner, first);
    }
    List<Expr> items = new ArrayList<>(List.of(first));
    while (stream.skip(",")) {
      items.add(expressions.expression());
    }
    stream.expect("]");
    return new Expr.Item(line, owner, new Expr.TupleOf(line, items));
  }

  private Expr slice(int line, Expr owner, @Nullable Expr start) {
    stream.expect(":");
    Expr stop = bound();
    Expr step = stream.skip(":") ? bound() : null;
    stream.expect("]");
    return new Expr.Slice(line, owner, start, stop, step);
  }

  private @Nullable Expr bound() {
    return stream.is("]") || stream.is(":") ? null : expressions.expression();
  }

  private CallArguments arguments() {
    int line = stream.expect("(").line();
    List<Expr> positional = new ArrayList<>();
    List<String> names = new ArrayList<>();
    Set<String> known = new HashSet<>();
    List<Expr> named = new ArrayList<>();
    Expr more = null;
    Expr moreNamed = null;
    while (!stream.is(")")) {
      boolean valid = moreNamed == null;
      if (stream.skip("*")) {
        valid = valid && more == null;
        more = expressions.expression();
      } else if (stream.skip("**")) {
        moreNamed = expressions.expression();
      } else if (stream.is(Kind.NAME) && stream.look().is("=")) {
        String name = stream.next().text();
        stream.next();
        valid = valid && known.add(name);
        names.add(name);
        named.add(expressions.expression());
      } else {
        valid = valid && more == null && names.isEmpty();
        positional.add(expressions.expression());
      }
      if (!valid) {
        throw new TemplateSyntaxException("invalid syntax for function call expression", line);
      }
      if (!stream.skip(",")) {
        break;
      }
    }
    stream.expect(")");
    return new CallArguments(positional, names, named, more, moreNamed);
  }
}
