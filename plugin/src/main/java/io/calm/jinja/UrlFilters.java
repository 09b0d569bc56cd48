package io.calm.jinja;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** Filters for URLs. */
final class UrlFilters {
  private static final String UNRESERVED =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~";

  private UrlFilters() {}

  static void register(Map<String, FunctionValue.Body> filters) {
    filters.put("urlencode", UrlFilters::encode);
  }

  private static Value encode(Engine engine, Arguments arguments) {
    Budget budget = engine.budget();
    Value value = arguments.bind("urlencode", "value").get(0);
    if (value instanceof StringValue || !Iteration.possible(budget, value)) {
      return budget.string(quote(budget, engine.text(value), false));
    }
    Value items =
        value instanceof DictValue dict ? new ViewValue(dict, ViewValue.Kind.ITEMS) : value;
    List<String> parts = new ArrayList<>();
    for (Iterator<Value> pairs = Iteration.of(budget, items); pairs.hasNext(); ) {
      List<Value> pair = Iteration.list(budget, pairs.next());
      if (pair.size() != 2) {
        throw Fault.error("urlencode needs pairs of a key and a value");
      }
      parts.add(
          quote(budget, engine.text(pair.get(0)), true)
              + "="
              + quote(budget, engine.text(pair.get(1)), true));
    }
    return PyText.join(budget, "&", parts);
  }

  private static String quote(Budget budget, String text, boolean query) {
    budget.reserve(3L * text.length());
    StringBuilder out = new StringBuilder();
    for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
      char c = (char) (b & 0xff);
      if (UNRESERVED.indexOf(c) >= 0 || (c == '/' && !query)) {
        out.append(c);
      } else if (c == ' ' && query) {
        out.append('+');
      } else {
        out.append("%").append(hex(c >> 4)).append(hex(c & 15));
      }
    }
    return out.toString();
  }

  private static char hex(int digit) {
    return "0123456789ABCDEF".charAt(digit);
  }
}
