package io.calm.jinja;

import java.math.BigDecimal;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Python's comparisons. */
final class Comparisons {
  private Comparisons() {}

  /** Evaluates a comparison operator. */
  static boolean holds(Budget budget, Expr.Comparison operator, Value left, Value right) {
    return switch (operator) {
      case EQUAL -> equal(budget, left, right);
      case NOT_EQUAL -> !equal(budget, left, right);
      case IN -> contains(budget, right, left);
      case NOT_IN -> !contains(budget, right, left);
      case LESS -> compare(budget, left, right, operator.symbol()) < 0;
      case LESS_OR_EQUAL -> compare(budget, left, right, operator.symbol()) <= 0;
      case GREATER -> {
        int order = compare(budget, left, right, operator.symbol());
        yield order > 0 && order != UNORDERED;
      }
      case GREATER_OR_EQUAL -> {
        int order = compare(budget, left, right, operator.symbol());
        yield order >= 0 && order != UNORDERED;
      }
    };
  }

  /** The order of a NaN and another number: neither less nor equal nor greater. */
  private static final int UNORDERED = 2;

  /** Python's {@code ==}. */
  static boolean equal(Budget budget, Value left, Value right) {
    budget.work(1);
    if (isNumber(left) && isNumber(right)) {
      return numbers(left, right) == 0;
    }
    if (left instanceof StringValue a && right instanceof StringValue b) {
      budget.scan(Math.min(a.text().length(), b.text().length()));
      return a.text().equals(b.text());
    }
    if (left instanceof ListValue a && right instanceof ListValue b) {
      return equal(budget, a.items(), b.items());
    }
    if (left instanceof TupleValue a && right instanceof TupleValue b) {
      return equal(budget, a.items(), b.items());
    }
    if (left instanceof DictValue a && right instanceof DictValue b) {
      return equal(budget, a, b);
    }
    if (left instanceof ViewValue a && right instanceof ViewValue b) {
      return left == right || (a.kind() == b.kind() && equal(budget, a, b));
    }
    if (left instanceof RangeValue a && right instanceof RangeValue b) {
      return Keys.of(budget, a).equals(Keys.of(budget, b));
    }
    return left == right
        || (left instanceof UndefinedValue && right instanceof UndefinedValue)
        || (left instanceof FunctionValue a
            && right instanceof FunctionValue b
            && a.body() == b.body());
  }

  private static boolean equal(Budget budget, List<Value> left, List<Value> right) {
    if (left.size() != right.size()) {
      return false;
    }
    for (int i = 0; i < left.size(); i++) {
      if (left.get(i) != right.get(i) && !equal(budget, left.get(i), right.get(i))) {
        return false;
      }
    }
    return true;
  }

  /** Compares views: those of keys and items like sets, those of values by identity. */
  private static boolean equal(Budget budget, ViewValue left, ViewValue right) {
    return switch (left.kind()) {
      case KEYS ->
          left.dict().size() == right.dict().size()
              && left.dict().entries().stream()
                  .allMatch(entry -> right.dict().containsKey(budget, entry.key()));
      case ITEMS -> equal(budget, left.dict(), right.dict());
      case VALUES -> false;
    };
  }

  private static boolean equal(Budget budget, DictValue left, DictValue right) {
    if (left.size() != right.size()) {
      return false;
    }
    for (DictValue.Entry entry : left.entries()) {
      Value other = right.get(budget, entry.key());
      if (other == null || (entry.value() != other && !equal(budget, entry.value(), other))) {
        return false;
      }
    }
    return true;
  }

  /**
   * Orders two values, as {@code <} does.
   *
   * @throws Fault if Python does not order values of their types
   */
  static int compare(Budget budget, Value left, Value right, String operator) {
    budget.work(1);
    if (isNumber(left) && isNumber(right)) {
      return numbers(left, right);
    }
    if (left instanceof StringValue a && right instanceof StringValue b) {
      budget.scan(Math.min(a.text().length(), b.text().length()));
      return strings(a.text(), b.text());
    }
    List<Value> a = sequence(left);
    List<Value> b = sequence(right);
    if (a != null && b != null && left.type().equals(right.type())) {
      for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
        if (!equal(budget, a.get(i), b.get(i))) {
          return compare(budget, a.get(i), b.get(i), operator);
        }
      }
      return Integer.compare(a.size(), b.size());
    }
    if (left instanceof UndefinedValue undefined) {
      throw undefined.fault();
    }
    if (right instanceof UndefinedValue undefined) {
      throw undefined.fault();
    }
    throw Fault.error(
        "'%s' not supported between instances of '%s' and '%s'",
        operator, left.type(), right.type());
  }

  private static @Nullable List<Value> sequence(Value value) {
    if (value instanceof ListValue list) {
      return list.items();
    }
    return value instanceof TupleValue tuple ? tuple.items() : null;
  }

  /** Compares by code points; UTF-16 order differs from it for supplementary characters. */
  private static int strings(String left, String right) {
    int length = Math.min(left.length(), right.length());
    for (int i = 0; i < length; i++) {
      char a = left.charAt(i);
      char b = right.charAt(i);
      if (a != b) {
        boolean wide = Character.isSurrogate(a);
        return wide == Character.isSurrogate(b) ? Integer.compare(a, b) : wide ? 1 : -1;
      }
    }
    return Integer.compare(left.length(), right.length());
  }

  static boolean isNumber(Value value) {
    return value instanceof IntValue || value instanceof FloatValue || value instanceof BoolValue;
  }

  private static int numbers(Value left, Value right) {
    if (!(left instanceof FloatValue) && !(right instanceof FloatValue)) {
      IntValue a = Arithmetic.integer(left);
      IntValue b = Arithmetic.integer(right);
      return a.isLong() && b.isLong()
          ? Long.compare(a.clamped(), b.clamped())
          : a.big().compareTo(b.big());
    }
    double a = Arithmetic.toDouble(left);
    double b = Arithmetic.toDouble(right);
    if (Double.isNaN(a) || Double.isNaN(b)) {
      return UNORDERED;
    }
    if (Double.isInfinite(a) || Double.isInfinite(b)) {
      return Double.compare(a, b);
    }
    if (Arithmetic.isDouble(left) && Arithmetic.isDouble(right)) {
      return a < b ? -1 : a > b ? 1 : 0; // Double.compare distinguishes 0.0 and -0.0
    }
    return exact(left).compareTo(exact(right));
  }

  private static BigDecimal exact(Value value) {
    return value instanceof FloatValue number
        ? new BigDecimal(number.value())
        : new BigDecimal(Arithmetic.integer(value).big());
  }

  /** Python's {@code in}. */
  static boolean contains(Budget budget, Value container, Value element) {
    if (container instanceof StringValue string) {
      if (!(element instanceof StringValue part)) {
        throw Fault.error("'in <string>' requires string as left operand, not %s", element.type());
      }
      return TextSearch.find(budget, string.text(), part.text(), 0) >= 0;
    }
    if (container instanceof DictValue dict) {
      return dict.containsKey(budget, element);
    }
    if (container instanceof ViewValue view && view.kind() == ViewValue.Kind.KEYS) {
      return view.dict().containsKey(budget, element);
    }
    if (container instanceof NamespaceValue || !Iteration.possible(budget, container)) {
      throw Fault.error("argument of type '%s' is not iterable", container.type());
    }
    for (Iterator<Value> items = Iteration.of(budget, container); items.hasNext(); ) {
      Value item = items.next();
      if (item == element || equal(budget, item, element)) {
        return true;
      }
    }
    return false;
  }
}
