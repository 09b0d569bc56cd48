package io.calm.jinja;

import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;

/** Filters that apply other filters or tests to items lazily; they are generators in Python. */
final class SelectFilters {
  private SelectFilters() {}

  static void register(Map<String, FunctionValue.Body> filters) {
    filters.put("map", SelectFilters::map);
    filters.put("select", (engine, arguments) -> select(engine, arguments, true, false));
    filters.put("reject", (engine, arguments) -> select(engine, arguments, false, false));
    filters.put("selectattr", (engine, arguments) -> select(engine, arguments, true, true));
    filters.put("rejectattr", (engine, arguments) -> select(engine, arguments, false, true));
  }

  private static Value map(Engine engine, Arguments arguments) {
    Value source = arguments.positional().get(0);
    if (!source.truth()) {
      return empty();
    }
    Arguments others = arguments.from(1);
    Function<Value, Value> function;
    if (others.positional().isEmpty() && others.named().containsKey("attribute")) {
      Map<String, Value> named = new HashMap<>(others.named());
      Value attribute = named.remove("attribute");
      Value fallback = named.remove("default");
      if (!named.isEmpty()) {
        throw Fault.error(
            "Unexpected keyword argument %s", Repr.quote(named.keySet().iterator().next()));
      }
      AttributePath path =
          AttributePath.of(engine, attribute == null ? NoneValue.NONE : attribute, fallback);
      function = path::of;
    } else if (others.positional().isEmpty()) {
      throw Fault.error("map requires a filter argument");
    } else {
      String name = name(others.positional().get(0), "filter");
      Arguments rest = others.from(1);
      function = item -> engine.filter(name, item, rest);
    }
    Budget budget = engine.budget();
    return generator(
        budget, source, items -> Iteration.map(budget, items, guarded(engine, function)));
  }

  /** Counts one level of depth around a function that an iterator calls. */
  private static Function<Value, Value> guarded(Engine engine, Function<Value, Value> function) {
    return item -> {
      engine.budget().enter();
      Value result = function.apply(item);
      engine.budget().leave();
      return result;
    };
  }

  private static Value select(
      Engine engine, Arguments arguments, boolean keeps, boolean byAttribute) {
    Value source = arguments.positional().get(0);
    if (!source.truth()) {
      return empty();
    }
    Arguments others = arguments.from(1);
    if (byAttribute && others.positional().isEmpty()) {
      throw Fault.error("Missing parameter for attribute name");
    }
    AttributePath path =
        AttributePath.of(engine, byAttribute ? others.positional().get(0) : NoneValue.NONE);
    Arguments test = byAttribute ? others.from(1) : others;
    Predicate<Value> predicate;
    if (test.positional().isEmpty()) {
      predicate = item -> path.of(item).truth() == keeps;
    } else {
      String name = name(test.positional().get(0), "test");
      Arguments rest = test.from(1);
      predicate = item -> engine.test(name, path.of(item), rest) == keeps;
    }
    return generator(engine.budget(), source, items -> Iteration.filter(items, predicate));
  }

  private static String name(Value value, String kind) {
    if (value instanceof StringValue string) {
      return string.text();
    }
    String reason =
        value instanceof UndefinedValue undefined
            ? " (" + undefined.message() + "; did you forget to quote the callable name?)"
            : "";
    throw Fault.error("No %s named %s.%s", kind, value.type(), reason);
  }

  /** Returns the result for a false value, whose arguments are ignored. */
  private static Value empty() {
    return new IteratorValue("generator", Collections.emptyIterator(), 0);
  }

  private static Value generator(
      Budget budget, Value source, Function<Iterator<Value>, Iterator<Value>> transform) {
    Iterator<Value> items = transform.apply(Iteration.of(budget, source));
    return new IteratorValue("generator", items, budget.nest(source.depth()));
  }
}
