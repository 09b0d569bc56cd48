package io.calm.checkpoint.template;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Python's {@code value[start:stop:step]} on lists and strings. */
final class PythonSlice {
  private PythonSlice() {}

  /**
   * Cuts a list or a string.
   *
   * @param bounds start, stop, step; anything but a number stands for the default
   */
  static Object of(Object base, @Nullable Object[] bounds) {
    if (base instanceof String text) {
      StringBuilder out = new StringBuilder();
      indices(text.length(), bounds).forEach(i -> out.append(text.charAt(i)));
      return out.toString();
    }
    if (base instanceof List<?> list) {
      List<@Nullable Object> out = new ArrayList<>();
      indices(list.size(), bounds).forEach(i -> out.add(list.get(i)));
      return out;
    }
    throw new TemplateFault("only lists and strings can be sliced");
  }

  private static List<Integer> indices(int length, @Nullable Object[] bounds) {
    int step = bounds[2] instanceof Number n ? n.intValue() : 1;
    if (step == 0) {
      throw new TemplateFault("slice step cannot be zero");
    }
    int low = step > 0 ? 0 : -1;
    int high = step > 0 ? length : length - 1;
    int start = bound(bounds[0], length, low, high, step > 0 ? low : high);
    int stop = bound(bounds[1], length, low, high, step > 0 ? high : low);
    List<Integer> indices = new ArrayList<>();
    for (long i = start; step > 0 ? i < stop : i > stop; i += step) {
      indices.add((int) i);
    }
    return indices;
  }

  private static int bound(@Nullable Object given, int length, int low, int high, int otherwise) {
    if (!(given instanceof Number number)) {
      return otherwise;
    }
    long at = number.longValue() < 0 ? number.longValue() + length : number.longValue();
    return (int) Math.max(low, Math.min(high, at));
  }
}
