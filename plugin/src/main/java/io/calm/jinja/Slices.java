package io.calm.jinja;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Python's indexing and slicing. */
final class Slices {

  /** Resolved bounds of a slice: {@code count} elements from {@code start}. */
  private record Range(int start, int stop, int step, int count) {}

  private Slices() {}

  /**
   * Slices a string, list, tuple or range.
   *
   * @throws Fault if the value cannot be sliced or a bound is not an integer
   */
  static Value slice(
      Budget budget,
      Value value,
      @Nullable Value start,
      @Nullable Value stop,
      @Nullable Value step) {
    if (value instanceof StringValue string) {
      Range range = range(string.length(), start, stop, step);
      budget.scan(string.text().length());
      return substring(budget, string, range);
    }
    if (value instanceof ListValue list) {
      return budget.list(slice(budget, list.items(), start, stop, step));
    }
    if (value instanceof TupleValue tuple) {
      return budget.tuple(slice(budget, tuple.items(), start, stop, step));
    }
    if (value instanceof RangeValue numbers) {
      Range range = range(numbers.size(), start, stop, step);
      long first = numbers.start() + numbers.step() * range.start();
      long by = numbers.step() * range.step();
      return new RangeValue(first, numbers.start() + numbers.step() * range.stop(), by);
    }
    if (value instanceof UndefinedValue undefined) {
      throw undefined.fault();
    }
    throw Fault.error(
        value instanceof DictValue
            ? "unhashable type: 'slice'"
            : "'%s' object is not subscriptable",
        value.type());
  }

  private static List<Value> slice(
      Budget budget,
      List<Value> items,
      @Nullable Value start,
      @Nullable Value stop,
      @Nullable Value step) {
    Range range = range(items.size(), start, stop, step);
    budget.work(range.count());
    if (range.step() == 1) {
      return List.copyOf(items.subList(range.start(), range.start() + range.count()));
    }
    List<Value> result = new ArrayList<>(range.count());
    for (int i = 0; i < range.count(); i++) {
      result.add(items.get(range.start() + i * range.step()));
    }
    return result;
  }

  private static Value substring(Budget budget, StringValue string, Range range) {
    String text = string.text();
    budget.reserve(range.count());
    if (range.step() == 1) {
      int from = text.offsetByCodePoints(0, range.start());
      int to = text.offsetByCodePoints(from, range.count());
      return new StringValue(text.substring(from, to), string.markup());
    }
    StringBuilder result = new StringBuilder();
    if (string.length() == text.length()) {
      for (int i = 0; i < range.count(); i++) {
        result.append(text.charAt(range.start() + i * range.step()));
      }
      return new StringValue(result.toString(), string.markup());
    }
    budget.work(text.length() / 8);
    int[] points = text.codePoints().toArray();
    for (int i = 0; i < range.count(); i++) {
      result.appendCodePoint(points[range.start() + i * range.step()]);
    }
    return new StringValue(result.toString(), string.markup());
  }

  private static Range range(
      int length, @Nullable Value start, @Nullable Value stop, @Nullable Value step) {
    long by = bound(step, 1);
    if (by == 0) {
      throw Fault.error("slice step cannot be zero");
    }
    by = Math.max(-Integer.MAX_VALUE, Math.min(Integer.MAX_VALUE, by));
    long min = by > 0 ? 0 : -1;
    long max = by > 0 ? length : length - 1L;
    long from = clamp(bound(start, by > 0 ? 0 : Long.MAX_VALUE), length, min, max);
    long to =
        stop == null || stop == NoneValue.NONE
            ? (by > 0 ? max : min)
            : clamp(bound(stop, 0), length, min, max);
    long distance = by > 0 ? to - from : from - to;
    long count = distance <= 0 ? 0 : (distance - 1) / Math.abs(by) + 1;
    return new Range((int) from, (int) to, (int) by, (int) count);
  }

  private static long clamp(long index, int length, long min, long max) {
    long absolute = index < 0 ? index + length : index;
    return Math.max(min, Math.min(max, absolute));
  }

  private static long bound(@Nullable Value value, long fallback) {
    if (value == null || value == NoneValue.NONE) {
      return fallback;
    }
    if (value instanceof IntValue || value instanceof BoolValue) {
      return Math.max(Long.MIN_VALUE / 2, Arithmetic.integer(value).clamped());
    }
    throw Fault.error("slice indices must be integers or None or have an __index__ method");
  }

  /** Returns the element at an index, or null if the index is out of range. */
  static @Nullable Value at(Budget budget, Value sequence, long index) {
    if (sequence instanceof ListValue list) {
      return at(list.items(), index);
    }
    if (sequence instanceof TupleValue tuple) {
      return at(tuple.items(), index);
    }
    if (sequence instanceof RangeValue range) {
      long absolute = index < 0 ? index + range.size() : index;
      return absolute >= 0 && absolute < range.size() ? range.get((int) absolute) : null;
    }
    if (sequence instanceof StringValue string) {
      int length = string.length();
      budget.scan(string.text().length());
      long absolute = index < 0 ? index + length : index;
      if (absolute < 0 || absolute >= length) {
        return null;
      }
      int at = string.text().offsetByCodePoints(0, (int) absolute);
      return new StringValue(Character.toString(string.text().codePointAt(at)), string.markup());
    }
    return null;
  }

  private static @Nullable Value at(List<Value> items, long index) {
    long absolute = index < 0 ? index + items.size() : index;
    return absolute >= 0 && absolute < items.size() ? items.get((int) absolute) : null;
  }
}
