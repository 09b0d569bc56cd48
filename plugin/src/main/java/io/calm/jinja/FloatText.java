package io.calm.jinja;

import java.math.BigDecimal;
import java.math.MathContext;
import java.math.RoundingMode;

/** Python's text forms of floats. */
final class FloatText {
  private static final int MAX_DIGITS = 17;
  private static final double WHOLE = 1e15;

  private FloatText() {}

  /** Python's {@code repr}: the shortest digits that read back as the same number. */
  static String repr(double value) {
    if (Double.isNaN(value)) {
      return "nan";
    }
    if (Double.isInfinite(value)) {
      return value < 0 ? "-inf" : "inf";
    }
    if (value == 0) {
      return 1 / value < 0 ? "-0.0" : "0.0";
    }
    if (value == Math.rint(value) && Math.abs(value) < WHOLE) {
      return (long) value + ".0";
    }
    BigDecimal shortest = shortest(value);
    int exponent = shortest.precision() - shortest.scale() - 1;
    if (exponent < -4 || exponent >= 16) {
      return scientific(shortest, exponent);
    }
    String plain = shortest.toPlainString();
    return plain.indexOf('.') < 0 ? plain + ".0" : plain;
  }

  private static BigDecimal shortest(double value) {
    BigDecimal exact = new BigDecimal(value);
    for (int digits = 1; digits < MAX_DIGITS; digits++) {
      BigDecimal rounded = exact.round(new MathContext(digits, RoundingMode.HALF_EVEN));
      if (rounded.doubleValue() == value) {
        return rounded.stripTrailingZeros();
      }
    }
    return exact.round(new MathContext(MAX_DIGITS, RoundingMode.HALF_EVEN)).stripTrailingZeros();
  }

  /** Writes one digit before the decimal point, and an exponent of at least two digits. */
  static String scientific(BigDecimal number, int exponent) {
    String digits = number.unscaledValue().abs().toString();
    StringBuilder out = new StringBuilder(number.signum() < 0 ? "-" : "");
    out.append(digits.charAt(0));
    if (digits.length() > 1) {
      out.append('.').append(digits, 1, digits.length());
    }
    out.append(exponent < 0 ? "e-" : "e+");
    int magnitude = Math.abs(exponent);
    return out.append(magnitude < 10 ? "0" : "").append(magnitude).toString();
  }

  /** Python's {@code round} to a number of decimals: rounds the exact value, half to even. */
  static double round(double value, int decimals) {
    if (Double.isNaN(value) || Double.isInfinite(value) || decimals > 330) {
      return value;
    }
    if (decimals < -330) {
      return Math.copySign(0, value);
    }
    double rounded = new BigDecimal(value).setScale(decimals, RoundingMode.HALF_EVEN).doubleValue();
    return rounded == 0 ? Math.copySign(0, value) : rounded;
  }
}
