package io.calm.jinja;

import io.calm.jinja.Arguments.Bound;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.Iterator;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Filters for numbers. */
final class NumberFilters {
  private static final int MAX_DIGITS = 4300;

  private NumberFilters() {}

  static void register(Map<String, FunctionValue.Body> filters) {
    filters.put("abs", NumberFilters::abs);
    filters.put("int", NumberFilters::integer);
    filters.put("float", NumberFilters::real);
    filters.put("round", NumberFilters::round);
    filters.put("sum", NumberFilters::sum);
    filters.put("filesizeformat", NumberFilters::fileSize);
  }

  private static Value abs(Engine engine, Arguments arguments) {
    Value value = arguments.bind("abs", "x").get(0);
    if (value instanceof FloatValue number) {
      return new FloatValue(Math.abs(number.value()));
    }
    if (!Comparisons.isNumber(value)) {
      throw Fault.error("bad operand type for abs(): '%s'", value.type());
    }
    return IntValue.of(Arithmetic.integer(value).big().abs());
  }

  private static Value integer(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("int", "value default? base?");
    Value value = bound.get(0);
    if (value instanceof UndefinedValue undefined) {
      throw undefined.fault();
    }
    if (value instanceof IntValue || value instanceof BoolValue) {
      return Arithmetic.integer(value);
    }
    if (value instanceof FloatValue real && Double.isInfinite(real.value())) {
      throw Fault.error("cannot convert float infinity to integer");
    }
    Value result =
        value instanceof StringValue string
            ? parse(string.text(), (int) bound.number(2, 10))
            : null;
    if (result == null) {
      double number = Double.NaN;
      if (value instanceof FloatValue real) {
        number = real.value();
      } else if (value instanceof StringValue string) {
        Double parsed = parseFloat(string.text());
        number = parsed == null ? Double.NaN : parsed;
      }
      boolean finite = !Double.isNaN(number) && !Double.isInfinite(number);
      result = finite ? IntValue.of(new BigDecimal(number).toBigInteger()) : null;
    }
    if (result != null) {
      engine.budget().digits(result);
    }
    return result == null ? bound.or(1, IntValue.of(0)) : result;
  }

  /** Python's {@code int(text, base)}; null if it raises a ValueError. */
  private static @Nullable Value parse(String text, int base) {
    String digits = PyText.strip(text, null, true, true);
    boolean negative = digits.startsWith("-");
    if (negative || digits.startsWith("+")) {
      digits = digits.substring(1);
    }
    int radix = base;
    String prefix = digits.length() > 1 ? PyText.lower(digits.substring(0, 2)) : "";
    int named = "0x".equals(prefix) ? 16 : "0o".equals(prefix) ? 8 : "0b".equals(prefix) ? 2 : 0;
    if (named > 0 && (base == 0 || base == named)) {
      radix = named;
      digits = digits.substring(digits.startsWith("_", 2) ? 3 : 2);
    } else if (base == 0) {
      radix = 10;
    }
    if (radix < 2 || radix > 36 || digits.length() > MAX_DIGITS || !underscores(digits)) {
      return null;
    }
    String plain = digits.replace("_", "");
    for (int i = 0; i < plain.length(); i++) {
      if (Character.digit(plain.charAt(i), radix) < 0) {
        return null;
      }
    }
    if (plain.isEmpty()) {
      return null;
    }
    BigInteger value = new BigInteger(plain, radix);
    return IntValue.of(negative ? value.negate() : value);
  }

  private static boolean underscores(String digits) {
    return !digits.startsWith("_") && !digits.endsWith("_") && !digits.contains("__");
  }

  /** Python's {@code float(text)}; null if it raises a ValueError. */
  static @Nullable Double parseFloat(String text) {
    String stripped = PyText.strip(text, null, true, true);
    if (stripped.length() > MAX_DIGITS + 1) {
      return null;
    }
    String number = asciiDigits(PyText.lower(stripped));
    String unsigned =
        number.startsWith("-") || number.startsWith("+") ? number.substring(1) : number;
    double sign = number.startsWith("-") ? -1 : 1;
    switch (unsigned) {
      case "inf", "infinity" -> {
        return sign * Double.POSITIVE_INFINITY;
      }
      case "nan" -> {
        return Double.NaN;
      }
      default -> {}
    }
    boolean valid =
        !unsigned.isEmpty()
            && unsigned.length() <= MAX_DIGITS
            && underscores(unsigned)
            && unsigned.chars().allMatch(c -> "0123456789.e+-_".indexOf(c) >= 0)
            && "0123456789.".indexOf(unsigned.charAt(0)) >= 0;
    if (!valid) {
      return null;
    }
    try {
      return sign * Double.parseDouble(unsigned.replace("_", ""));
    } catch (NumberFormatException e) {
      return null;
    }
  }

  private static String asciiDigits(String text) {
    StringBuilder out = new StringBuilder();
    text.codePoints()
        .forEach(
            c -> {
              if (Character.isDigit(c)) {
                out.append(Character.digit(c, 10));
              } else {
                out.appendCodePoint(c);
              }
            });
    return out.toString();
  }

  private static Value real(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("float", "value default?");
    Value value = bound.get(0);
    if (value instanceof UndefinedValue undefined) {
      throw undefined.fault();
    }
    if (Comparisons.isNumber(value)) {
      return new FloatValue(Arithmetic.toDouble(value));
    }
    Double parsed = value instanceof StringValue string ? parseFloat(string.text()) : null;
    return parsed == null ? bound.or(1, new FloatValue(0)) : new FloatValue(parsed);
  }

  private static Value round(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("round", "value precision? method?");
    String method = bound.text(2, "common");
    Value value = bound.get(0);
    int precision = (int) Math.max(-400, Math.min(400, bound.number(1, 0)));
    if (!method.equals("common") && !method.equals("ceil") && !method.equals("floor")) {
      throw Fault.error("method must be common, ceil or floor");
    }
    if (!Comparisons.isNumber(value)) {
      throw Fault.error("type %s doesn't define __round__ method", value.type());
    }
    if (method.equals("common")) {
      engine.budget().digits(value);
      return value instanceof FloatValue number
          ? new FloatValue(FloatText.round(number.value(), precision))
          : roundInteger(Arithmetic.integer(value), precision);
    }
    Value scale =
        precision < 0
            ? new FloatValue(Math.pow(10, precision))
            : IntValue.of(BigInteger.TEN.pow(precision));
    Value scaled = Arithmetic.binary(engine, Expr.Operator.MULTIPLY, value, scale);
    if (scaled instanceof FloatValue real) {
      scaled =
          IntValue.of(
              whole(method.equals("ceil") ? Math.ceil(real.value()) : Math.floor(real.value())));
    }
    return Arithmetic.binary(engine, Expr.Operator.DIVIDE, scaled, scale);
  }

  private static BigInteger whole(double value) {
    if (Double.isNaN(value) || Double.isInfinite(value)) {
      throw Fault.error("cannot convert float to integer");
    }
    return new BigDecimal(value).toBigInteger();
  }

  private static Value roundInteger(IntValue value, int precision) {
    return precision >= 0
        ? value
        : IntValue.of(
            new BigDecimal(value.big()).setScale(precision, RoundingMode.HALF_EVEN).toBigInteger());
  }

  private static Value sum(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("sum", "iterable attribute? start?");
    AttributePath path = AttributePath.of(engine, bound.get(1));
    Value sum = bound.or(2, IntValue.of(0));
    if (sum instanceof StringValue) {
      throw Fault.error("sum() can't sum strings [use ''.join(seq) instead]");
    }
    Iterator<Value> items = Iteration.of(engine.budget(), bound.get(0));
    while (items.hasNext()) {
      sum = Arithmetic.binary(engine, Expr.Operator.ADD, sum, path.of(items.next()));
    }
    return sum;
  }

  private static Value fileSize(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("filesizeformat", "value binary?");
    boolean binary = bound.flag(1, false);
    Double parsed = bound.get(0) instanceof StringValue string ? parseFloat(string.text()) : null;
    if (parsed == null && !Comparisons.isNumber(bound.get(0))) {
      throw Fault.error("could not convert to float: a value of type %s", bound.get(0).type());
    }
    double bytes = parsed == null ? Arithmetic.toDouble(bound.get(0)) : parsed;
    double base = binary ? 1024 : 1000;
    if (bytes == 1) {
      return new StringValue("1 Byte");
    }
    if (bytes < base) {
      return new StringValue(whole(bytes) + " Bytes");
    }
    String prefixes = binary ? "KMGTPEZY" : "kMGTPEZY";
    double unit = base * base;
    int i = 0;
    while (i < prefixes.length() - 1 && !(bytes < unit)) {
      unit *= base;
      i++;
    }
    Value number = new FloatValue(base * bytes / unit);
    String shown = FormatSpec.parse(".1f").apply(engine.budget(), number);
    return new StringValue(shown + " " + prefixes.charAt(i) + (binary ? "iB" : "B"));
  }
}
