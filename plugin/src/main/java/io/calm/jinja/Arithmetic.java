package io.calm.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.util.ArrayList;
import java.util.List;

/** Python's arithmetic operators. */
final class Arithmetic {
  private static final long EXACT = 1L << 53;

  private Arithmetic() {}

  /** Returns a bool or int as an int. */
  static IntValue integer(Value value) {
    return value instanceof IntValue number ? number : IntValue.of(value.truth() ? 1 : 0);
  }

  static double toDouble(Value value) {
    return value instanceof FloatValue number ? number.value() : integer(value).toDouble();
  }

  static Value unary(Value operand, boolean negates) {
    if (operand instanceof FloatValue number) {
      return negates ? new FloatValue(-number.value()) : number;
    }
    if (operand instanceof IntValue || operand instanceof BoolValue) {
      IntValue number = integer(operand);
      return negates ? IntValue.of(number.big().negate()) : number;
    }
    if (operand instanceof UndefinedValue undefined) {
      throw undefined.fault();
    }
    throw Fault.error("bad operand type for unary %s: '%s'", negates ? "-" : "+", operand.type());
  }

  static Value binary(Engine engine, Expr.Operator operator, Value left, Value right) {
    if (left instanceof UndefinedValue undefined) {
      throw undefined.fault();
    }
    if (operator == Expr.Operator.REMAINDER && left instanceof StringValue format) {
      Value argument = format.markup() ? Markup.escape(engine.budget(), right) : right;
      StringValue text = PercentFormat.format(engine.budget(), format.text(), argument);
      return new StringValue(text.text(), format.markup());
    }
    if (right instanceof UndefinedValue undefined) {
      throw undefined.fault();
    }
    if (Comparisons.isNumber(left) && Comparisons.isNumber(right)) {
      return left instanceof FloatValue || right instanceof FloatValue
          ? floats(operator, toDouble(left), toDouble(right))
          : integers(engine.budget(), operator, integer(left), integer(right));
    }
    if (operator == Expr.Operator.ADD) {
      return concatenate(engine.budget(), left, right);
    }
    if (operator == Expr.Operator.MULTIPLY) {
      if (left instanceof IntValue || left instanceof BoolValue) {
        return repeat(engine.budget(), right, left, left, right);
      }
      return repeat(engine.budget(), left, right, left, right);
    }
    throw unsupported(operator, left, right);
  }

  private static Fault unsupported(Expr.Operator operator, Value left, Value right) {
    return Fault.error(
        "unsupported operand type(s) for %s: '%s' and '%s'",
        operator.symbol(), left.type(), right.type());
  }

  private static Value concatenate(Budget budget, Value left, Value right) {
    if (left instanceof StringValue a && right instanceof StringValue b) {
      boolean markup = a.markup() || b.markup();
      String first = markup && !a.markup() ? HtmlFilters.escape(budget, a.text()) : a.text();
      String second = markup && !b.markup() ? HtmlFilters.escape(budget, b.text()) : b.text();
      budget.reserve((long) first.length() + second.length());
      return new StringValue(first + second, markup);
    }
    if (left instanceof ListValue a && right instanceof ListValue b) {
      budget.reserveItems((long) a.items().size() + b.items().size());
      return budget.list(joined(a.items(), b.items()));
    }
    if (left instanceof TupleValue a && right instanceof TupleValue b) {
      budget.reserveItems((long) a.items().size() + b.items().size());
      return budget.tuple(joined(a.items(), b.items()));
    }
    if (left instanceof StringValue || left instanceof ListValue || left instanceof TupleValue) {
      throw Fault.error(
          "can only concatenate %s (not \"%s\") to %s", left.type(), right.type(), left.type());
    }
    throw unsupported(Expr.Operator.ADD, left, right);
  }

  private static List<Value> joined(List<Value> first, List<Value> second) {
    List<Value> all = new ArrayList<>(first.size() + second.size());
    all.addAll(first);
    all.addAll(second);
    return all;
  }

  private static Value repeat(Budget budget, Value sequence, Value times, Value left, Value right) {
    if (times instanceof IntValue || times instanceof BoolValue) {
      long count = Math.max(0, Math.min(integer(times).clamped(), Integer.MAX_VALUE));
      if (sequence instanceof StringValue string) {
        budget.reserve(count * string.text().length());
        return new StringValue(
            string.text().isEmpty() ? "" : string.text().repeat((int) count), string.markup());
      }
      if (sequence instanceof ListValue list) {
        return budget.list(repeated(budget, list.items(), count));
      }
      if (sequence instanceof TupleValue tuple) {
        return budget.tuple(repeated(budget, tuple.items(), count));
      }
      throw unsupported(Expr.Operator.MULTIPLY, left, right);
    }
    if (sequence instanceof StringValue
        || sequence instanceof ListValue
        || sequence instanceof TupleValue) {
      throw Fault.error("can't multiply sequence by non-int of type '%s'", times.type());
    }
    throw unsupported(Expr.Operator.MULTIPLY, left, right);
  }

  private static List<Value> repeated(Budget budget, List<Value> items, long count) {
    budget.reserveItems(count * items.size());
    List<Value> all = new ArrayList<>();
    for (long i = 0; i < count && !items.isEmpty(); i++) {
      all.addAll(items);
    }
    return all;
  }

  private static Value integers(
      Budget budget, Expr.Operator operator, IntValue left, IntValue right) {
    BigInteger a = left.big();
    BigInteger b = right.big();
    budget.product(a.bitLength(), b.bitLength());
    return switch (operator) {
      case ADD -> limited(budget, a.add(b));
      case SUBTRACT -> limited(budget, a.subtract(b));
      case MULTIPLY -> limited(budget, a.multiply(b));
      case DIVIDE -> {
        nonZero(b.signum(), "division by zero");
        yield divide(left, right);
      }
      case FLOOR_DIVIDE -> {
        nonZero(b.signum(), "integer division or modulo by zero");
        yield IntValue.of(floorDivide(a, b));
      }
      case REMAINDER -> {
        nonZero(b.signum(), "integer modulo by zero");
        yield IntValue.of(a.subtract(floorDivide(a, b).multiply(b)));
      }
      case POWER -> power(budget, left, right);
    };
  }

  private static IntValue limited(Budget budget, BigInteger value) {
    budget.integer(value.bitLength());
    return IntValue.of(value);
  }

  private static void nonZero(double value, String message) {
    if (value == 0) {
      throw Fault.error("%s", message);
    }
  }

  private static BigInteger floorDivide(BigInteger a, BigInteger b) {
    BigInteger[] parts = a.divideAndRemainder(b);
    boolean below = parts[1].signum() != 0 && parts[1].signum() != b.signum();
    return below ? parts[0].subtract(BigInteger.ONE) : parts[0];
  }

  private static Value divide(IntValue left, IntValue right) {
    if (isExact(left) && isExact(right)) {
      return new FloatValue(left.toDouble() / right.toDouble());
    }
    // 40 digits, so that rounding twice cannot be seen.
    double quotient =
        new BigDecimal(left.big())
            .divide(new BigDecimal(right.big()), new MathContext(40))
            .doubleValue();
    if (Double.isInfinite(quotient)) {
      throw Fault.error("integer division result too large for a float");
    }
    return new FloatValue(quotient);
  }

  /** Returns whether {@link #toDouble} of a number is the number itself. */
  static boolean isDouble(Value value) {
    return value instanceof FloatValue || isExact(integer(value));
  }

  private static boolean isExact(IntValue value) {
    return value.clamped() >= -EXACT && value.clamped() <= EXACT;
  }

  private static Value power(Budget budget, IntValue base, IntValue exponent) {
    if (exponent.signum() < 0) {
      return floats(Expr.Operator.POWER, base.toDouble(), exponent.toDouble());
    }
    BigInteger a = base.big();
    if (a.bitLength() <= 1 && a.abs().bitLength() <= 1) {
      boolean odd = exponent.big().testBit(0);
      return a.signum() == 0
          ? IntValue.of(exponent.signum() == 0 ? 1 : 0)
          : IntValue.of(a.signum() < 0 && odd ? -1 : 1);
    }
    if (exponent.signum() == 0) {
      return IntValue.of(1);
    }
    double bits = (a.abs().bitLength() - 1.0) * exponent.toDouble();
    budget.integer(bits > Integer.MAX_VALUE ? Integer.MAX_VALUE : (long) bits);
    return limited(budget, a.pow((int) exponent.clamped()));
  }

  private static Value floats(Expr.Operator operator, double a, double b) {
    return new FloatValue(
        switch (operator) {
          case ADD -> a + b;
          case SUBTRACT -> a - b;
          case MULTIPLY -> a * b;
          case DIVIDE -> {
            nonZero(b, "float division by zero");
            yield a / b;
          }
          case FLOOR_DIVIDE -> {
            nonZero(b, "float floor division by zero");
            yield floorDivide(a, b);
          }
          case REMAINDER -> {
            nonZero(b, "float modulo");
            yield remainder(a, b);
          }
          case POWER -> power(a, b);
        });
  }

  private static double floorDivide(double a, double b) {
    double remainder = a % b;
    double quotient = (a - remainder) / b;
    if (remainder != 0 && (b < 0) != (remainder < 0)) {
      quotient -= 1;
    }
    if (quotient == 0) {
      return Math.copySign(0, a / b);
    }
    double floor = Math.floor(quotient);
    return quotient - floor > 0.5 ? floor + 1 : floor;
  }

  private static double remainder(double a, double b) {
    double remainder = a % b;
    if (remainder == 0) {
      return Math.copySign(0, b);
    }
    return (b < 0) != (remainder < 0) ? remainder + b : remainder;
  }

  private static double power(double a, double b) {
    if (a == 0 && b < 0) {
      throw Fault.error("0.0 cannot be raised to a negative power");
    }
    if (a < 0 && b != Math.rint(b) && !Double.isInfinite(b)) {
      throw Fault.error("a negative number to a fractional power is complex");
    }
    if (a == 1) {
      return 1;
    }
    double result = Math.pow(a, b);
    if (Double.isInfinite(result) && !Double.isInfinite(a) && !Double.isInfinite(b)) {
      throw Fault.error("(34, 'Numerical result out of range')");
    }
    return result;
  }
}
