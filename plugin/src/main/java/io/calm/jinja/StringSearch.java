package io.calm.jinja;

import io.calm.jinja.Arguments.Bound;
import org.jspecify.annotations.Nullable;

/** The search methods of Python's {@code str}; positions are code points. */
final class StringSearch {
  private StringSearch() {}

  /** Returns the body of {@code find}, {@code index}, {@code rfind} or {@code rindex}. */
  static FunctionValue.Body find(String name) {
    boolean last = name.startsWith("r");
    boolean raises = name.endsWith("index");
    return (engine, arguments) -> {
      Bound bound = arguments.bind(name, "self sub start? end?");
      String window = window(engine.budget(), bound);
      int at = -1;
      if (window != null) {
        at =
            last
                ? TextSearch.findLast(engine.budget(), window, bound.text(1), window.length())
                : TextSearch.find(engine.budget(), window, bound.text(1), 0);
      }
      if (at < 0) {
        if (raises) {
          throw Fault.error("substring not found");
        }
        return IntValue.of(-1);
      }
      String text = bound.text(0);
      int length = text.codePointCount(0, text.length());
      int start = (int) resolve(bound.some(2) ? bound.number(2) : 0, length);
      return IntValue.of(start + (window == null ? 0 : window.codePointCount(0, at)));
    };
  }

  static Value count(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("count", "self sub start? end?");
    String window = window(engine.budget(), bound);
    String part = bound.text(1);
    if (window == null) {
      return IntValue.of(0);
    }
    if (part.isEmpty()) {
      return IntValue.of(window.codePointCount(0, window.length()) + 1L);
    }
    long count = 0;
    int at = TextSearch.find(engine.budget(), window, part, 0);
    while (at >= 0) {
      count++;
      at = TextSearch.find(engine.budget(), window, part, at + part.length());
    }
    return IntValue.of(count);
  }

  /**
   * Returns the part of the string between the third and fourth argument, or null if the start is
   * after the end.
   */
  static @Nullable String window(Budget budget, Bound bound) {
    String text = bound.text(0);
    if (!bound.some(2) && !bound.some(3)) {
      return text;
    }
    budget.scan(text.length());
    int length = text.codePointCount(0, text.length());
    long start = bound.some(2) ? bound.number(2) : 0;
    long end = bound.some(3) ? bound.number(3) : length;
    long from = start < 0 ? Math.max(0, start + length) : start;
    long to = Math.min(length, resolve(end, length));
    if (from > to) {
      return null;
    }
    int first = text.offsetByCodePoints(0, (int) from);
    return text.substring(first, text.offsetByCodePoints(first, (int) (to - from)));
  }

  private static long resolve(long index, int length) {
    return index < 0 ? Math.max(0, index + length) : index;
  }
}
