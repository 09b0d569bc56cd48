package io.calm.jinja;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** MarkupSafe's {@code Markup}: its methods escape their arguments and return markup. */
final class Markup {
  private static final Set<String> INSERTING = Set.of("format", "format_map", "join");

  private Markup() {}

  /** Returns a copy of a value with all strings escaped that are not markup. */
  static Value escape(Budget budget, Value value) {
    if (value instanceof StringValue string) {
      return string.markup()
          ? string
          : new StringValue(HtmlFilters.escape(budget, string.text()), true);
    }
    if (value instanceof ListValue list) {
      return budget.list(escape(budget, list.items()));
    }
    if (value instanceof TupleValue tuple) {
      return budget.tuple(escape(budget, tuple.items()));
    }
    if (value instanceof DictValue dict) {
      DictValue.Builder escaped = new DictValue.Builder(budget);
      dict.entries().forEach(entry -> escaped.put(entry.key(), escape(budget, entry.value())));
      return escaped.build();
    }
    return value;
  }

  /**
   * Escapes the arguments that a method inserts: those of {@code format}, {@code format_map} and
   * {@code join}, and the replacement of {@code replace}.
   */
  private static Arguments escape(Budget budget, String method, Arguments arguments) {
    boolean replaces = method.equals("replace") && arguments.positional().size() > 2;
    if (!replaces && !INSERTING.contains(method)) {
      return arguments;
    }
    Map<String, Value> named = new LinkedHashMap<>();
    arguments.named().forEach((name, value) -> named.put(name, escape(budget, value)));
    List<Value> positional = escape(budget, arguments.positional());
    if (replaces) {
      positional.set(1, arguments.positional().get(1));
    }
    return new Arguments(positional, named);
  }

  private static List<Value> escape(Budget budget, List<Value> values) {
    List<Value> escaped = new ArrayList<>(values.size());
    values.forEach(value -> escaped.add(escape(budget, value)));
    return escaped;
  }

  /** Converts a method of strings to a method of markup. */
  static FunctionValue.Body escaping(String name, FunctionValue.Body method) {
    return (engine, arguments) -> {
      Budget budget = engine.budget();
      return marked(budget, method.call(engine, escape(budget, name, arguments)));
    };
  }

  private static Value marked(Budget budget, Value value) {
    if (value instanceof StringValue string) {
      return new StringValue(string.text(), true);
    }
    if (value instanceof ListValue list) {
      return budget.list(list.items().stream().map(item -> marked(budget, item)).toList());
    }
    return value instanceof TupleValue tuple
        ? budget.tuple(tuple.items().stream().map(item -> marked(budget, item)).toList())
        : value;
  }
}
