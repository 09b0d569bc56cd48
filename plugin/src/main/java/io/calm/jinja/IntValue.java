package io.calm.jinja;

import java.math.BigInteger;
import org.jspecify.annotations.Nullable;

/** Python's {@code int}, of any size. */
final class IntValue implements Value {
  private static final IntValue[] SMALL = new IntValue[1025];

  static {
    for (int i = 0; i < SMALL.length; i++) {
      SMALL[i] = new IntValue(i, null);
    }
  }

  private final long small;
  private final @Nullable BigInteger big;

  private IntValue(long small, @Nullable BigInteger big) {
    this.small = small;
    this.big = big;
  }

  static IntValue of(long value) {
    return value >= 0 && value < SMALL.length ? SMALL[(int) value] : new IntValue(value, null);
  }

  static IntValue of(BigInteger value) {
    return value.bitLength() < Long.SIZE
        ? of(value.longValue())
        : new IntValue(value.signum() < 0 ? Long.MIN_VALUE : Long.MAX_VALUE, value);
  }

  boolean isLong() {
    return big == null;
  }

  /** Returns the value, clamped to the range of a long. */
  long clamped() {
    return small;
  }

  BigInteger big() {
    return big == null ? BigInteger.valueOf(small) : big;
  }

  int signum() {
    return big == null ? Long.signum(small) : big.signum();
  }

  double toDouble() {
    return big == null ? small : big.doubleValue();
  }

  @Override
  public String type() {
    return "int";
  }

  @Override
  public boolean truth() {
    return signum() != 0;
  }

  @Override
  public String toString() {
    return big == null ? Long.toString(small) : big.toString();
  }
}
