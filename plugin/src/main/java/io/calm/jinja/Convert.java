package io.calm.jinja;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Converts plain Java values to values of a template. */
final class Convert {
  private Convert() {}

  /**
   * Converts a value and all values in it.
   *
   * @param where name of the variable, for error messages
   * @throws IllegalArgumentException if a value has a type that JSON does not have
   */
  static Value value(Budget budget, String where, @Nullable Object value) {
    budget.work(1);
    if (value == null) {
      return NoneValue.NONE;
    }
    if (value instanceof Boolean flag) {
      return BoolValue.of(flag);
    }
    if (value instanceof String text) {
      return new StringValue(text);
    }
    if (value instanceof Number number) {
      return number(budget, where, number);
    }
    budget.enter();
    Value result = container(budget, where, value);
    budget.leave();
    return result;
  }

  private static Value container(Budget budget, String where, Object value) {
    if (value instanceof Collection<?> collection) {
      List<Value> items = new ArrayList<>(collection.size());
      for (Object item : collection) {
        items.add(value(budget, where, item));
      }
      return budget.list(items);
    }
    if (value instanceof Map<?, ?> map) {
      DictValue.Builder dict = new DictValue.Builder(budget);
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        if (!(entry.getKey() instanceof String key)) {
          throw new IllegalArgumentException(
              "variable %s: expected strings as keys of a map, got %s"
                  .formatted(where, entry.getKey()));
        }
        dict.put(key, value(budget, where, entry.getValue()));
      }
      return dict.build();
    }
    throw new IllegalArgumentException(
        "variable %s: expected null, a boolean, number, string, list or map, got %s"
            .formatted(where, value.getClass().getName()));
  }

  private static Value number(Budget budget, String where, Number number) {
    if (number instanceof Integer
        || number instanceof Long
        || number instanceof Short
        || number instanceof Byte) {
      return IntValue.of(number.longValue());
    }
    if (number instanceof BigInteger big) {
      budget.integer(big.bitLength());
      return IntValue.of(big);
    }
    if (number instanceof Float single) {
      return new FloatValue(Double.parseDouble(single.toString()));
    }
    if (number instanceof Double real) {
      return new FloatValue(real);
    }
    if (number instanceof BigDecimal decimal) {
      if (decimal.scale() != 0) {
        return new FloatValue(decimal.doubleValue());
      }
      budget.integer(decimal.unscaledValue().bitLength());
      return IntValue.of(decimal.unscaledValue());
    }
    throw new IllegalArgumentException(
        "variable %s: expected a number of the JDK, got %s"
            .formatted(where, number.getClass().getName()));
  }
}
