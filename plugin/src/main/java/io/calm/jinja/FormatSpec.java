package io.calm.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import org.jspecify.annotations.Nullable;

/**
 * Python's format specification: {@code [[fill]align][sign][#][0][width][grouping][.precision]
 * [type]}.
 *
 * @param fill code point that pads
 * @param align one of {@code < > ^ =}, 0 for the type's default; zero padding goes after the sign
 * @param sign one of {@code + -} and a blank, 0 for none
 * @param grouping {@code ,} or {@code _}, 0 for none
 * @param precision negative for none
 * @param type letter, 0 for none
 */
record FormatSpec(
    int fill,
    char align,
    char sign,
    boolean alternate,
    long width,
    char grouping,
    long precision,
    char type) {
  private static final int MAX_PRECISION = 4096;

  static FormatSpec parse(String spec) {
    Reader reader = new Reader(spec);
    int fill = ' ';
    char align = 0;
    boolean filled = false;
    if (!spec.isEmpty()) {
      int first = spec.codePointAt(0);
      int size = Character.charCount(first);
      if (spec.length() > size && "<>=^".indexOf(spec.charAt(size)) >= 0) {
        fill = first;
        align = spec.charAt(size);
        reader.at = size + 1;
        filled = true;
      } else {
        align = reader.one("<>=^");
      }
    }
    char sign = reader.one("+- ");
    boolean alternate = reader.one("#") != 0;
    if (reader.one("0") != 0) {
      fill = filled ? fill : '0';
    }
    long width = reader.number();
    char grouping = reader.one(",_");
    long precision = -1;
    if (reader.one(".") != 0) {
      precision = reader.number();
      if (precision < 0) {
        throw Fault.error("Format specifier missing precision");
      }
    }
    char type = reader.at < spec.length() ? spec.charAt(reader.at++) : 0;
    if (reader.at < spec.length()) {
      throw Fault.error("Invalid format specifier %s", Repr.quote(spec));
    }
    String groupable = grouping == '_' ? "bdeEfFgGoxX%" : "deEfFgG%";
    if (grouping != 0 && type != 0 && groupable.indexOf(type) < 0) {
      throw Fault.error("Cannot specify '%s' with '%s'.", grouping, type);
    }
    return new FormatSpec(fill, align, sign, alternate, width, grouping, precision, type);
  }

  /** A position in a specification. */
  private static final class Reader {
    private final String spec;
    private int at;

    Reader(String spec) {
      this.spec = spec;
    }

    char one(String choices) {
      boolean matches = at < spec.length() && choices.indexOf(spec.charAt(at)) >= 0;
      return matches ? spec.charAt(at++) : 0;
    }

    long number() {
      long value = -1;
      while (at < spec.length() && spec.charAt(at) >= '0' && spec.charAt(at) <= '9') {
        value = Math.max(value, 0) * 10 + spec.charAt(at++) - '0';
        if (value > Integer.MAX_VALUE) {
          throw Fault.error("Too many decimal digits in format string");
        }
      }
      return value;
    }
  }

  /** Formats a value like Python's {@code format}. */
  String apply(Budget budget, Value value) {
    if (value instanceof StringValue string) {
      return string(budget, string.text());
    }
    budget.digits(value);
    if (value instanceof FloatValue number) {
      return number(budget, number.value());
    }
    if (value instanceof IntValue || value instanceof BoolValue) {
      return integer(budget, Arithmetic.integer(value));
    }
    throw Fault.error("unsupported format string passed to %s.__format__", value.type());
  }

  String string(Budget budget, String text) {
    if (type != 0 && type != 's') {
      throw unknown("str");
    }
    if (grouping != 0) {
      throw Fault.error("Cannot specify '%s' with 's'.", grouping);
    }
    if (sign != 0 || alternate || align == '=') {
      String what = sign != 0 ? "Sign" : alternate ? "Alternate form (#)" : "'=' alignment";
      throw Fault.error("%s not allowed in string format specifier", what);
    }
    String cut = text;
    if (precision >= 0 && precision < text.codePointCount(0, text.length())) {
      cut = text.substring(0, text.offsetByCodePoints(0, (int) precision));
    }
    return PyText.pad(budget, cut, width, fill, align == 0 ? '<' : align);
  }

  private Fault unknown(String owner) {
    return Fault.error("Unknown format code '%s' for object of type '%s'", type, owner);
  }

  String integer(Budget budget, IntValue value) {
    if (type != 0 && "eEfFgG%".indexOf(type) >= 0) {
      return number(budget, value.toDouble());
    }
    if (precision >= 0) {
      throw Fault.error("Precision not allowed in integer format specifier");
    }
    budget.digits(value);
    BigInteger magnitude = value.big().abs();
    String prefix = "";
    String digits;
    int group = 3;
    switch (type) {
      case 0, 'd', 'n' -> digits = magnitude.toString();
      case 'b', 'o', 'x', 'X' -> {
        int radix = type == 'b' ? 2 : type == 'o' ? 8 : 16;
        digits = magnitude.toString(radix);
        digits = type == 'X' ? PyText.upper(digits) : digits;
        prefix = alternate ? "0" + type : "";
        group = 4;
      }
      case 'c' -> {
        if (sign != 0 || alternate) {
          String what = sign != 0 ? "Sign" : "Alternate form (#)";
          throw Fault.error("%s not allowed with integer format specifier 'c'", what);
        }
        return assemble(budget, false, "", string(value), "", group);
      }
      default -> throw unknown("int");
    }
    return assemble(budget, value.signum() < 0, prefix, digits, "", group);
  }

  private static String string(IntValue code) {
    if (code.clamped() < 0 || code.clamped() > Character.MAX_CODE_POINT) {
      throw Fault.error("%%c arg not in range(0x110000)");
    }
    return Character.toString((int) code.clamped());
  }

  private String number(Budget budget, double value) {
    boolean negative = value < 0 || (value == 0 && 1 / value < 0);
    double magnitude = Math.abs(value);
    boolean upper = type == 'E' || type == 'F' || type == 'G';
    String body = Double.isNaN(value) ? "nan" : Double.isInfinite(value) ? "inf" : null;
    if (body == null) {
      body = finite(magnitude);
    } else if (type == '%') {
      body += "%";
    }
    body = upper ? PyText.upper(body) : body;
    int end = 0;
    while (end < body.length() && Character.isDigit(body.charAt(end))) {
      end++;
    }
    return assemble(budget, negative, "", body.substring(0, end), body.substring(end), 3);
  }

  private String finite(double value) {
    if (precision > MAX_PRECISION) {
      throw Fault.limit("a number is printed with more than %d digits".formatted(MAX_PRECISION));
    }
    int digits = precision < 0 ? 6 : (int) precision;
    return switch (type) {
      case 0 -> precision < 0 ? pointed(FloatText.repr(value)) : general(value, digits, true);
      case 'e', 'E' -> exponent(value, digits);
      case 'f', 'F' -> fixed(value, digits);
      case 'g', 'G', 'n' -> general(value, digits, false);
      case '%' -> fixed(value * 100, digits) + "%";
      default -> throw unknown("float");
    };
  }

  private String fixed(double value, int digits) {
    String text = new BigDecimal(value).setScale(digits, RoundingMode.HALF_EVEN).toPlainString();
    return digits == 0 && alternate ? text + "." : text;
  }

  private String exponent(double value, int digits) {
    if (value == 0) {
      return pointed((digits == 0 ? "0" : "0." + "0".repeat(digits)) + "e+00");
    }
    BigDecimal rounded =
        new BigDecimal(value).round(new MathContext(digits + 1, RoundingMode.HALF_EVEN));
    int exponent = rounded.precision() - rounded.scale() - 1;
    String unscaled = rounded.unscaledValue().toString();
    BigDecimal padded =
        rounded.setScale(
            rounded.scale() + digits + 1 - unscaled.length(), RoundingMode.UNNECESSARY);
    return pointed(FloatText.scientific(padded, exponent));
  }

  /** Adds a decimal point before the exponent if the alternate form requires one. */
  private String pointed(String number) {
    return alternate && number.indexOf('.') < 0 ? number.replace("e", ".e") : number;
  }

  /**
   * Python's {@code g}: fixed or scientific by the exponent, without trailing zeros.
   *
   * @param point whether a number without a fraction keeps {@code .0}
   */
  private String general(double value, int digits, boolean point) {
    int significant = Math.max(1, digits);
    BigDecimal rounded =
        new BigDecimal(value).round(new MathContext(significant, RoundingMode.HALF_EVEN));
    int exponent = value == 0 ? 0 : rounded.precision() - rounded.scale() - 1;
    int limit = point ? significant - 1 : significant;
    if (exponent < -4 || exponent >= limit) {
      return alternate
          ? exponent(value, significant - 1)
          : FloatText.scientific(rounded.stripTrailingZeros(), exponent);
    }
    BigDecimal shown =
        alternate
            ? rounded.setScale(Math.max(0, significant - 1 - exponent), RoundingMode.HALF_EVEN)
            : rounded.stripTrailingZeros();
    String text = shown.toPlainString();
    if (text.indexOf('.') >= 0) {
      return text;
    }
    return point ? text + ".0" : alternate ? text + "." : text;
  }

  /** Combines sign, prefix, grouped digits and padding. */
  private String assemble(
      Budget budget, boolean negative, String prefix, String digits, String rest, int group) {
    String signs =
        (negative ? "-" : sign == 0 || sign == '-' ? "" : Character.toString(sign)) + prefix;
    budget.reserve(Math.max(0, width));
    char placed = align != 0 ? align : fill == '0' ? '=' : '>';
    boolean zeros = placed == '=' && fill == '0';
    String grouped = digits;
    if (grouping != 0 && !digits.isEmpty()) {
      long room = zeros ? width - signs.length() - rest.length() : 0;
      grouped = grouped(digits, room, group);
    }
    if (placed == '=') {
      long room = width - signs.length();
      return signs + PyText.pad(budget, grouped + rest, room, fill, '>');
    }
    return PyText.pad(budget, signs + grouped + rest, width, fill, placed);
  }

  /** Groups digits, with leading zeros up to a length. */
  private String grouped(String digits, long length, int group) {
    StringBuilder reversed = new StringBuilder();
    int count = 0;
    for (int i = digits.length() - 1; i >= 0 || reversed.length() < length; i--) {
      if (count > 0 && count % group == 0) {
        reversed.append(grouping);
      }
      reversed.append(i >= 0 ? digits.charAt(i) : '0');
      count++;
    }
    return reversed.reverse().toString();
  }

  /** Formats a value with a specification; null for none. */
  static String format(Budget budget, Value value, @Nullable String spec) {
    return spec == null || spec.isEmpty()
        ? Repr.text(budget, value)
        : parse(spec).apply(budget, value);
  }
}
