package io.calm.jinja;

import io.calm.jinja.Arguments.Bound;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;

/** Filters that compare items. */
final class OrderFilters {
  private OrderFilters() {}

  static void register(Map<String, FunctionValue.Body> filters) {
    filters.put("sort", OrderFilters::sort);
    filters.put("dictsort", OrderFilters::dictSort);
    filters.put("unique", OrderFilters::unique);
    filters.put("min", (engine, arguments) -> extreme(engine, arguments, true));
    filters.put("max", (engine, arguments) -> extreme(engine, arguments, false));
    filters.put("groupby", OrderFilters::groupBy);
  }

  /** An item and its sort key. */
  private record Keyed(Value key, Value item) {}

  private static List<Keyed> sorted(
      Budget budget, Iterator<Value> items, UnaryOperator<Value> key, boolean reverse) {
    List<Keyed> keyed = new ArrayList<>();
    while (items.hasNext()) {
      Value item = items.next();
      budget.grow(keyed.size());
      keyed.add(new Keyed(key.apply(item), item));
    }
    Comparator<Keyed> order = (a, b) -> Comparisons.compare(budget, a.key(), b.key(), "<");
    try {
      keyed.sort(reverse ? order.reversed() : order);
    } catch (IllegalArgumentException e) {
      throw Fault.error("the items have no order");
    }
    return keyed;
  }

  private static UnaryOperator<Value> postprocess(boolean caseSensitive) {
    return caseSensitive ? value -> value : AttributePath::ignoreCase;
  }

  private static Value sort(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("sort", "value reverse? case_sensitive? attribute?");
    Budget budget = engine.budget();
    UnaryOperator<Value> postprocess = postprocess(bound.flag(2, false));
    List<AttributePath> paths = new ArrayList<>();
    if (bound.get(3) instanceof StringValue string) {
      for (String part : PyText.split(budget, string.text(), ",", -1, false)) {
        paths.add(AttributePath.of(engine, new StringValue(part)));
      }
    } else {
      paths.add(AttributePath.of(engine, bound.get(3)));
    }
    UnaryOperator<Value> key =
        item -> {
          List<Value> keys = new ArrayList<>(paths.size());
          paths.forEach(path -> keys.add(postprocess.apply(path.of(item))));
          // A list, as in Python: equal items need no order.
          return new ListValue(keys, 0);
        };
    List<Value> result = new ArrayList<>();
    sorted(budget, Iteration.of(budget, bound.get(0)), key, bound.flag(1, false))
        .forEach(it -> result.add(it.item()));
    return budget.list(result);
  }

  private static Value dictSort(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("dictsort", "value case_sensitive? by? reverse?");
    Budget budget = engine.budget();
    String by = bound.text(2, "key");
    if (!by.equals("key") && !by.equals("value")) {
      throw Fault.error("You can only sort by either \"key\" or \"value\"");
    }
    if (!(bound.get(0) instanceof DictValue dict)) {
      throw bound.get(0) instanceof UndefinedValue undefined
          ? undefined.fault()
          : Fault.error("'%s' object has no attribute 'items'", bound.get(0).type());
    }
    int part = by.equals("key") ? 0 : 1;
    UnaryOperator<Value> postprocess = postprocess(bound.flag(1, false));
    UnaryOperator<Value> key = item -> postprocess.apply(Iteration.list(budget, item).get(part));
    Iterator<Value> items = Iteration.of(budget, new ViewValue(dict, ViewValue.Kind.ITEMS));
    List<Value> result = new ArrayList<>();
    sorted(budget, items, key, bound.flag(3, false)).forEach(it -> result.add(it.item()));
    return budget.list(result);
  }

  private static Value unique(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("unique", "value case_sensitive? attribute?");
    Budget budget = engine.budget();
    AttributePath path = AttributePath.of(engine, bound.get(2));
    UnaryOperator<Value> postprocess = postprocess(bound.flag(1, false));
    Set<Object> seen = new HashSet<>();
    Iterator<Value> items =
        Iteration.filter(
            Iteration.of(budget, bound.get(0)),
            item -> {
              budget.grow(seen.size());
              return seen.add(Keys.of(budget, postprocess.apply(path.of(item))));
            });
    return new IteratorValue("generator", items, budget.nest(bound.get(0).depth()));
  }

  private static Value extreme(Engine engine, Arguments arguments, boolean min) {
    Bound bound = arguments.bind(min ? "min" : "max", "value case_sensitive? attribute?");
    Budget budget = engine.budget();
    AttributePath path = AttributePath.of(engine, bound.get(2));
    UnaryOperator<Value> postprocess = postprocess(bound.flag(1, false));
    Iterator<Value> items = Iteration.of(budget, bound.get(0));
    if (!items.hasNext()) {
      return new UndefinedValue("No aggregated item, sequence was empty.");
    }
    Value best = items.next();
    Value bestKey = postprocess.apply(path.of(best));
    Expr.Comparison better = min ? Expr.Comparison.LESS : Expr.Comparison.GREATER;
    while (items.hasNext()) {
      Value item = items.next();
      Value key = postprocess.apply(path.of(item));
      if (Comparisons.holds(budget, better, key, bestKey)) {
        best = item;
        bestKey = key;
      }
    }
    return best;
  }

  private static Value groupBy(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("groupby", "value attribute default? case_sensitive?");
    Budget budget = engine.budget();
    AttributePath path = AttributePath.of(engine, bound.get(1), bound.get(2));
    UnaryOperator<Value> postprocess = postprocess(bound.flag(3, false));
    UnaryOperator<Value> key = item -> postprocess.apply(path.of(item));
    List<Keyed> items = sorted(budget, Iteration.of(budget, bound.get(0)), key, false);
    List<Value> groups = new ArrayList<>();
    for (int i = 0; i < items.size(); ) {
      Keyed first = items.get(i);
      List<Value> group = new ArrayList<>();
      while (i < items.size() && Comparisons.equal(budget, first.key(), items.get(i).key())) {
        group.add(items.get(i++).item());
      }
      if (group.isEmpty()) {
        group.add(items.get(i++).item());
      }
      List<Value> pair = List.of(path.of(first.item()), budget.list(group));
      groups.add(new TupleValue(pair, budget.nest(pair), true));
    }
    return budget.list(groups);
  }
}
