package io.calm.jinja;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;

/** Hash keys with Python's equality: {@code 1 == 1.0 == True} as keys of a dictionary. */
final class Keys {
  private static final Object UNDEFINED = new Object();

  private Keys() {}

  /**
   * Returns the hash key of a value.
   *
   * @throws Fault if the value cannot be hashed
   */
  static Object of(Budget budget, Value value) {
    if (value instanceof StringValue string) {
      return string.text();
    }
    if (value instanceof IntValue number) {
      return number.isLong() ? (Object) number.clamped() : number.big();
    }
    if (value instanceof BoolValue flag) {
      return flag.truth() ? 1L : 0L;
    }
    if (value instanceof FloatValue number) {
      return of(budget, number.value());
    }
    if (value instanceof TupleValue tuple) {
      List<Object> keys = new ArrayList<>();
      for (Value item : tuple.items()) {
        budget.grow(keys.size());
        keys.add(of(budget, item));
      }
      return keys;
    }
    if (value instanceof UndefinedValue) {
      return UNDEFINED;
    }
    if (value instanceof ListValue || value instanceof DictValue || value instanceof ViewValue) {
      throw Fault.error("unhashable type: '%s'", value.type());
    }
    if (value instanceof RangeValue range) {
      return List.of("range", range.size(), range.size() == 0 ? 0L : range.start(), range.step());
    }
    return value;
  }

  private static Object of(Budget budget, double value) {
    if (Double.isInfinite(value) || Double.isNaN(value) || value != Math.rint(value)) {
      return value;
    }
    return of(budget, IntValue.of(new BigDecimal(value).toBigInteger()));
  }
}
