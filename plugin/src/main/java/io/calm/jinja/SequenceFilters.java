package io.calm.jinja;

import io.calm.jinja.Arguments.Bound;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.ThreadLocalRandom;

/** Filters for sequences. */
final class SequenceFilters {
  private SequenceFilters() {}

  static void register(Map<String, FunctionValue.Body> filters) {
    filters.put("default", SequenceFilters::fallback);
    filters.put("d", SequenceFilters::fallback);
    filters.put("first", SequenceFilters::first);
    filters.put("last", SequenceFilters::last);
    filters.put("length", SequenceFilters::length);
    filters.put("count", SequenceFilters::length);
    filters.put("list", SequenceFilters::list);
    filters.put("items", SequenceFilters::items);
    filters.put("reverse", SequenceFilters::reverse);
    filters.put("random", SequenceFilters::random);
    filters.put("batch", SequenceFilters::batch);
    filters.put("slice", SequenceFilters::slice);
    filters.put("attr", SequenceFilters::attribute);
  }

  private static Value fallback(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("default", "value default_value? boolean?");
    Value value = bound.get(0);
    boolean missing = value instanceof UndefinedValue || (bound.flag(2, false) && !value.truth());
    return missing ? bound.or(1, StringValue.EMPTY) : value;
  }

  private static Value first(Engine engine, Arguments arguments) {
    Iterator<Value> items = Iteration.of(engine.budget(), arguments.bind("first", "seq").get(0));
    return items.hasNext()
        ? items.next()
        : new UndefinedValue("No first item, sequence was empty.");
  }

  private static Value last(Engine engine, Arguments arguments) {
    Value value = arguments.bind("last", "seq").get(0);
    if (value instanceof IteratorValue) {
      throw Fault.error("'%s' object is not reversible", value.type());
    }
    OptionalInt size = Iteration.size(value);
    if (size.isPresent() && size.getAsInt() == 0) {
      return new UndefinedValue("No last item, sequence was empty.");
    }
    Value item = Slices.at(engine.budget(), value, -1);
    if (item != null) {
      return item;
    }
    List<Value> items = Iteration.list(engine.budget(), value);
    return items.get(items.size() - 1);
  }

  private static Value length(Engine engine, Arguments arguments) {
    Value value = arguments.bind("length", "obj").get(0);
    OptionalInt size = Iteration.size(value);
    if (value instanceof StringValue string) {
      engine.budget().scan(string.text().length());
    }
    return IntValue.of(
        size.orElseThrow(() -> Fault.error("object of type '%s' has no len()", value.type())));
  }

  private static Value list(Engine engine, Arguments arguments) {
    Value value = arguments.bind("list", "value").get(0);
    return engine.budget().list(Iteration.list(engine.budget(), value));
  }

  private static Value items(Engine engine, Arguments arguments) {
    Value value = arguments.bind("items", "value").get(0);
    if (value instanceof DictValue dict) {
      Value view = new ViewValue(dict, ViewValue.Kind.ITEMS);
      return new IteratorValue("generator", Iteration.of(engine.budget(), view), dict.depth());
    }
    if (value instanceof UndefinedValue) {
      return new IteratorValue("generator", Collections.emptyIterator(), 0);
    }
    throw Fault.error("Can only get item pairs from a mapping.");
  }

  private static Value reverse(Engine engine, Arguments arguments) {
    Value value = arguments.bind("reverse", "value").get(0);
    Budget budget = engine.budget();
    if (value instanceof StringValue string) {
      budget.reserve(string.text().length());
      // StringBuilder.reverse keeps surrogate pairs in order.
      return new StringValue(new StringBuilder(string.text()).reverse().toString());
    }
    if (!Iteration.possible(budget, value)) {
      throw Fault.error("argument must be iterable");
    }
    List<Value> items = new ArrayList<>(Iteration.list(budget, value));
    budget.reserveItems(items.size());
    Collections.reverse(items);
    return value instanceof IteratorValue
        ? budget.list(items)
        : new IteratorValue(
            "list_reverseiterator",
            Iteration.map(budget, items.iterator(), item -> item),
            value.depth());
  }

  private static Value random(Engine engine, Arguments arguments) {
    Value value = arguments.bind("random", "seq").get(0);
    OptionalInt size = Iteration.size(value);
    if (size.isEmpty()) {
      throw Fault.error("object of type '%s' has no len()", value.type());
    }
    if (size.getAsInt() == 0) {
      return new UndefinedValue("No random item, sequence was empty.");
    }
    int index = ThreadLocalRandom.current().nextInt(size.getAsInt());
    return Attributes.item(engine, value, IntValue.of(index));
  }

  private static Value batch(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("batch", "value linecount fill_with?");
    Budget budget = engine.budget();
    long size = bound.number(1);
    List<Value> batches = new ArrayList<>();
    List<Value> batch = new ArrayList<>();
    for (Iterator<Value> items = Iteration.of(budget, bound.get(0)); items.hasNext(); ) {
      if (batch.size() == size) {
        batches.add(budget.list(batch));
        batch = new ArrayList<>();
      }
      budget.grow(batch.size());
      batch.add(items.next());
    }
    if (!batch.isEmpty()) {
      while (bound.some(2) && batch.size() < size) {
        budget.grow(batch.size());
        batch.add(bound.get(2));
      }
      batches.add(budget.list(batch));
    }
    return new IteratorValue("generator", batches.iterator(), budget.nest(batches));
  }

  private static Value slice(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("slice", "value slices fill_with?");
    Budget budget = engine.budget();
    List<Value> items = Iteration.list(budget, bound.get(0));
    long count = bound.number(1);
    if (count == 0) {
      throw Fault.error("integer division or modulo by zero");
    }
    List<Value> slices = new ArrayList<>();
    int offset = 0;
    for (int i = 0; i < count; i++) {
      budget.grow(slices.size());
      int size = (int) (items.size() / count + (i < items.size() % count ? 1 : 0));
      List<Value> slice = new ArrayList<>(items.subList(offset, offset + size));
      offset += size;
      if (bound.some(2) && i >= items.size() % count) {
        slice.add(bound.get(2));
      }
      slices.add(budget.list(slice));
    }
    return new IteratorValue("generator", slices.iterator(), budget.nest(slices));
  }

  /** Returns an attribute, never an item. */
  private static Value attribute(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("attr", "obj name");
    String name = bound.text(1);
    Value found = Attributes.find(engine, bound.get(0), name);
    return found == null ? UndefinedValue.attribute(bound.get(0), name) : found;
  }
}
