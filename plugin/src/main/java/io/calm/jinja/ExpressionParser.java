package io.calm.jinja;

import io.calm.jinja.Expr.Operator;
import io.calm.jinja.Token.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Parses expressions by recursive descent, with Jinja2's precedences: inline if, or, and, not,
 * comparisons, sums, {@code ~}, products, powers, unary operators, postfixes, filters and tests.
 */
final class ExpressionParser {
  private static final Map<String, Expr.Comparison> COMPARISONS =
      Map.of(
          "==", Expr.Comparison.EQUAL,
          "!=", Expr.Comparison.NOT_EQUAL,
          "<", Expr.Comparison.LESS,
          "<=", Expr.Comparison.LESS_OR_EQUAL,
          ">", Expr.Comparison.GREATER,
          ">=", Expr.Comparison.GREATER_OR_EQUAL);
  private static final Map<String, Operator> SUMS =
      Map.of("+", Operator.ADD, "-", Operator.SUBTRACT);
  private static final Map<String, Operator> PRODUCTS =
      Map.of(
          "*", Operator.MULTIPLY,
          "/", Operator.DIVIDE,
          "//", Operator.FLOOR_DIVIDE,
          "%", Operator.REMAINDER);

  private final TokenStream stream;
  private final PostfixParser postfix;
  private final PrimaryParser primary;

  ExpressionParser(TokenStream stream, TemplateLimits limits) {
    this.stream = stream;
    this.postfix = new PostfixParser(stream, this);
    this.primary = new PrimaryParser(stream, this, limits);
  }

  PostfixParser postfix() {
    return postfix;
  }

  Expr expression() {
    return expression(true);
  }

  /**
   * Parses an expression.
   *
   * @param conditional whether an inline if may be part of it
   */
  Expr expression(boolean conditional) {
    stream.enter();
    Expr result = conditional ? conditional() : or();
    stream.leave();
    return result;
  }

  /**
   * Parses expressions up to the token that ends a tuple; a single expression without a comma is
   * not a tuple.
   *
   * @param end name that ends the tuple, empty for none
   * @param parenthesized whether no expression at all is the empty tuple
   */
  Expr tuple(boolean conditional, String end, boolean parenthesized) {
    int line = stream.line();
    List<Expr> items = new ArrayList<>();
    boolean comma = false;
    while (!tupleEnds(end)) {
      items.add(expression(conditional));
      if (!stream.skip(",")) {
        break;
      }
      comma = true;
    }
    if (!comma && items.size() == 1) {
      return items.get(0);
    }
    if (!comma && !parenthesized) {
      throw stream.expected("an expression");
    }
    return new Expr.TupleOf(line, items);
  }

  private boolean tupleEnds(String end) {
    return stream.is(Kind.VARIABLE_END)
        || stream.is(Kind.BLOCK_END)
        || stream.is(")")
        || (!end.isEmpty() && stream.isName(end));
  }

  private Expr conditional() {
    int line = stream.line();
    Expr then = or();
    while (stream.skipName("if")) {
      Expr test = or();
      Expr otherwise = null;
      if (stream.skipName("else")) {
        stream.enter();
        otherwise = conditional();
        stream.leave();
      }
      then = new Expr.Conditional(line, test, then, otherwise);
      line = stream.line();
    }
    return then;
  }

  private Expr or() {
    Expr left = and();
    while (stream.isName("or")) {
      int line = stream.next().line();
      left = new Expr.Logic(line, false, left, and());
    }
    return left;
  }

  private Expr and() {
    Expr left = not();
    while (stream.isName("and")) {
      int line = stream.next().line();
      left = new Expr.Logic(line, true, left, not());
    }
    return left;
  }

  private Expr not() {
    int line = stream.line();
    int times = 0;
    while (stream.skipName("not")) {
      times++;
    }
    Expr result = compare();
    for (int i = 0; i < times; i++) {
      result = new Expr.Unary(line, Expr.UnaryOperator.NOT, result);
    }
    return result;
  }

  private Expr compare() {
    int line = stream.line();
    Expr first = sum();
    List<Expr.Comparison> operators = new ArrayList<>();
    List<Expr> operands = new ArrayList<>();
    for (Expr.Comparison operator = comparison(); operator != null; operator = comparison()) {
      operators.add(operator);
      operands.add(sum());
    }
    return operators.isEmpty() ? first : new Expr.Compare(line, first, operators, operands);
  }

  private Expr.@Nullable Comparison comparison() {
    if (stream.is(Kind.OPERATOR)) {
      Expr.Comparison operator = COMPARISONS.get(stream.current().text());
      if (operator != null) {
        stream.next();
      }
      return operator;
    }
    if (stream.skipName("in")) {
      return Expr.Comparison.IN;
    }
    if (stream.isName("not") && stream.look().isName("in")) {
      stream.next();
      stream.next();
      return Expr.Comparison.NOT_IN;
    }
    return null;
  }

  private Expr sum() {
    Expr left = concat();
    while (stream.is(Kind.OPERATOR)) {
      Operator operator = SUMS.get(stream.current().text());
      if (operator == null) {
        break;
      }
      int line = stream.next().line();
      left = new Expr.Binary(line, operator, left, concat());
    }
    return left;
  }

  private Expr concat() {
    int line = stream.line();
    Expr first = product();
    List<Expr> others = new ArrayList<>();
    while (stream.skip("~")) {
      others.add(product());
    }
    return others.isEmpty() ? first : new Expr.Concat(line, first, others);
  }

  private Expr product() {
    Expr left = power();
    while (stream.is(Kind.OPERATOR)) {
      Operator operator = PRODUCTS.get(stream.current().text());
      if (operator == null) {
        break;
      }
      int line = stream.next().line();
      left = new Expr.Binary(line, operator, left, power());
    }
    return left;
  }

  private Expr power() {
    Expr left = unary();
    while (stream.is("**")) {
      int line = stream.next().line();
      left = new Expr.Binary(line, Operator.POWER, left, unary());
    }
    return left;
  }

  private Expr unary() {
    return postfix.filtersAndTests(signed());
  }

  /** Parses signs and the operand; postfixes bind to the operand, then to the signed operand. */
  private Expr signed() {
    List<Token> signs = new ArrayList<>();
    while (stream.is("-") || stream.is("+")) {
      signs.add(stream.next());
    }
    Expr result = postfix.postfixes(primary.primary());
    for (int i = signs.size() - 1; i >= 0; i--) {
      Expr.UnaryOperator operator =
          signs.get(i).is("-") ? Expr.UnaryOperator.NEGATE : Expr.UnaryOperator.PLUS;
      result = postfix.postfixes(new Expr.Unary(signs.get(i).line(), operator, result));
    }
    return result;
  }

  Expr primary() {
    return primary.primary();
  }

  Value integer(Token token) {
    return primary.integer(token);
  }
}
