package io.calm.jinja;

import java.util.HashMap;
import java.util.Map;

/** Jinja2's filters by name; the value is the first argument. */
final class Filters {
  private static final Map<String, FunctionValue.Body> ALL = new HashMap<>();

  static {
    TextFilters.register(ALL);
    WrapFilters.register(ALL);
    HtmlFilters.register(ALL);
    UrlFilters.register(ALL);
    NumberFilters.register(ALL);
    SequenceFilters.register(ALL);
    OrderFilters.register(ALL);
    SelectFilters.register(ALL);
  }

  private Filters() {}

  static boolean has(String name) {
    return ALL.containsKey(name);
  }

  /**
   * Returns a filter.
   *
   * @throws Fault if no filter has the name
   */
  static FunctionValue.Body get(String name) {
    FunctionValue.Body filter = ALL.get(name);
    if (filter == null) {
      throw Fault.error("No filter named %s.", Repr.quote(name));
    }
    return filter;
  }
}
