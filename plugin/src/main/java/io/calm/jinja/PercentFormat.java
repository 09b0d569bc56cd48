package io.calm.jinja;

import java.math.BigDecimal;
import java.util.List;

/** Python's {@code %} operator of strings. */
final class PercentFormat {
  private final Budget budget;
  private final String format;
  private final Value argument;
  private final List<Value> arguments;
  private final StringBuilder out = new StringBuilder();
  private int at;
  private int next;
  private boolean named;

  private PercentFormat(Budget budget, String format, Value argument) {
    this.budget = budget;
    this.format = format;
    this.argument = argument;
    this.arguments = argument instanceof TupleValue tuple ? tuple.items() : List.of(argument);
  }

  static StringValue format(Budget budget, String format, Value argument) {
    return new PercentFormat(budget, format, argument).run();
  }

  private StringValue run() {
    while (at < format.length()) {
      char c = format.charAt(at++);
      if (c == '%') {
        conversion();
        budget.work(1);
        budget.grow(out);
      } else {
        out.append(c);
      }
    }
    budget.scan(format.length());
    boolean mapping = argument instanceof DictValue || argument instanceof ListValue;
    if (next < arguments.size() && !named && !mapping) {
      throw Fault.error("not all arguments converted during string formatting");
    }
    return budget.string(out.toString());
  }

  private void conversion() {
    Value value = null;
    if (at < format.length() && format.charAt(at) == '(') {
      value = byName();
    }
    StringBuilder flags = new StringBuilder();
    while (at < format.length() && "#0- +".indexOf(format.charAt(at)) >= 0) {
      flags.append(format.charAt(at++));
    }
    long width = number();
    long precision = -1;
    if (at < format.length() && format.charAt(at) == '.') {
      at++;
      precision = Math.max(0, number());
    }
    while (at < format.length() && "hlL".indexOf(format.charAt(at)) >= 0) {
      at++;
    }
    if (at >= format.length()) {
      throw Fault.error("incomplete format");
    }
    char type = format.charAt(at++);
    if (type == '%') {
      out.append('%');
      return;
    }
    if ("diuoxXeEfFgGcrsa".indexOf(type) < 0) {
      throw Fault.error("unsupported format character '%s' at index %d", type, at - 1);
    }
    out.append(convert(value == null ? next() : value, type, flags.toString(), width, precision));
  }

  private Value byName() {
    int open = 1;
    int start = ++at;
    while (at < format.length() && open > 0) {
      char c = format.charAt(at++);
      open += c == '(' ? 1 : c == ')' ? -1 : 0;
    }
    if (open > 0) {
      throw Fault.error("incomplete format key");
    }
    if (!(argument instanceof DictValue mapping)) {
      throw Fault.error("format requires a mapping");
    }
    named = true;
    String name = format.substring(start, at - 1);
    Value value = mapping.get(name);
    if (value == null) {
      throw Fault.error("%s", Repr.quote(name));
    }
    return value;
  }

  private Value next() {
    if (next >= arguments.size()) {
      throw Fault.error("not enough arguments for format string");
    }
    return arguments.get(next++);
  }

  private long number() {
    if (at < format.length() && format.charAt(at) == '*') {
      at++;
      return Math.max(-1, Arguments.of(next()).bind("%", "width").number(0));
    }
    long value = -1;
    while (at < format.length() && format.charAt(at) >= '0' && format.charAt(at) <= '9') {
      value = Math.max(0, value) * 10 + format.charAt(at++) - '0';
      if (value > Integer.MAX_VALUE) {
        throw Fault.error("width too big");
      }
    }
    return value;
  }

  private String convert(Value value, char type, String flags, long width, long precision) {
    boolean left = flags.indexOf('-') >= 0;
    char sign = flags.indexOf('+') >= 0 ? '+' : flags.indexOf(' ') >= 0 ? ' ' : '-';
    boolean zero = flags.indexOf('0') >= 0 && !left;
    boolean alternate = flags.indexOf('#') >= 0;
    char align = left ? '<' : '>';
    switch (type) {
      case 's', 'r', 'a', 'c' -> {
        String text = text(value, type);
        long cut = type == 'c' ? -1 : precision;
        return new FormatSpec(' ', align, (char) 0, false, width, (char) 0, cut, 's')
            .string(budget, text);
      }
      case 'e', 'E', 'f', 'F', 'g', 'G' -> {
        Value number = new FloatValue(toDouble(value));
        return spec(align, zero, sign, alternate, width, precision, type).apply(budget, number);
      }
      default -> {
        char radix = type == 'i' || type == 'u' ? 'd' : type;
        IntValue number = toInteger(value, radix);
        String digits =
            spec('>', false, '-', false, -1, -1, radix)
                .integer(budget, IntValue.of(number.big().abs()));
        digits = PyText.pad(budget, digits, precision, '0', '>');
        String prefix = number.signum() < 0 ? "-" : sign == '-' ? "" : Character.toString(sign);
        prefix += alternate && radix != 'd' ? "0" + radix : "";
        String padded =
            zero ? PyText.pad(budget, digits, width - prefix.length(), '0', '>') : digits;
        return PyText.pad(budget, prefix + padded, width, ' ', align);
      }
    }
  }

  private static FormatSpec spec(
      char align,
      boolean zero,
      char sign,
      boolean alternate,
      long width,
      long precision,
      char type) {
    return new FormatSpec(
        zero ? '0' : ' ', zero ? '=' : align, sign, alternate, width, (char) 0, precision, type);
  }

  private String text(Value value, char type) {
    return switch (type) {
      case 's' -> Repr.text(budget, value);
      case 'r' -> Repr.repr(budget, value);
      case 'a' -> ascii(Repr.repr(budget, value));
      default -> {
        if (value instanceof StringValue string && string.length() == 1) {
          yield string.text();
        }
        if (value instanceof IntValue number) {
          yield FormatSpec.parse("c").integer(budget, number);
        }
        throw Fault.error("%%c requires int or char");
      }
    };
  }

  private static double toDouble(Value value) {
    if (value instanceof UndefinedValue undefined) {
      throw undefined.fault();
    }
    if (!Comparisons.isNumber(value)) {
      throw Fault.error("must be real number, not %s", value.type());
    }
    return Arithmetic.toDouble(value);
  }

  private static IntValue toInteger(Value value, char type) {
    if (value instanceof FloatValue number && type == 'd') {
      if (Double.isNaN(number.value()) || Double.isInfinite(number.value())) {
        throw Fault.error("cannot convert float to integer");
      }
      return IntValue.of(new BigDecimal(number.value()).toBigInteger());
    }
    if (value instanceof IntValue || value instanceof BoolValue) {
      return Arithmetic.integer(value);
    }
    throw Fault.error(
        type == 'd'
            ? "%%%s format: a real number is required, not %s"
            : "%%%s format: an integer is required, not %s",
        type,
        value.type());
  }

  /** Python's {@code ascii}: escapes the non-ASCII characters of a repr. */
  static String ascii(String repr) {
    StringBuilder out = new StringBuilder();
    repr.codePoints()
        .forEach(
            c -> {
              if (c < 0x80) {
                out.append((char) c);
              } else {
                out.append(
                    (c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x").formatted(c));
              }
            });
    return out.toString();
  }
}
