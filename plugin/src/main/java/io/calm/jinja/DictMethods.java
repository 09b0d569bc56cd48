package io.calm.jinja;

import java.util.Iterator;
import org.jspecify.annotations.Nullable;

/** The non-mutating methods of Python's {@code dict}; the dictionary is the first argument. */
final class DictMethods {
  private DictMethods() {}

  static FunctionValue.@Nullable Body get(String name) {
    return switch (name) {
      case "get" -> DictMethods::get;
      case "keys" -> (engine, arguments) -> view(name, arguments, ViewValue.Kind.KEYS);
      case "values" -> (engine, arguments) -> view(name, arguments, ViewValue.Kind.VALUES);
      case "items" -> (engine, arguments) -> view(name, arguments, ViewValue.Kind.ITEMS);
      case "copy" -> (engine, arguments) -> arguments.bind(name, "self").get(0);
      case "fromkeys" -> (engine, arguments) -> fromKeys(engine, arguments.from(1));
      default -> null;
    };
  }

  private static Value get(Engine engine, Arguments arguments) {
    Arguments.Bound bound = arguments.bind("get", "self key default?");
    if (bound.get(0) instanceof DictValue dict) {
      Value value = dict.get(engine.budget(), bound.get(1));
      return value == null ? bound.get(2) : value;
    }
    return bound.get(2);
  }

  private static Value view(String name, Arguments arguments, ViewValue.Kind kind) {
    if (arguments.bind(name, "self").get(0) instanceof DictValue dict) {
      return new ViewValue(dict, kind);
    }
    throw Fault.error("%s() needs a dict", name);
  }

  static Value fromKeys(Engine engine, Arguments arguments) {
    Arguments.Bound bound = arguments.bind("fromkeys", "iterable value?");
    DictValue.Builder dict = new DictValue.Builder(engine.budget());
    Iterator<Value> keys = Iteration.of(engine.budget(), bound.get(0));
    while (keys.hasNext()) {
      dict.put(keys.next(), bound.get(1));
    }
    return dict.build();
  }

  /** Python's {@code dict(...)} of a mapping or pairs, and of named arguments. */
  static DictValue dict(Engine engine, Arguments arguments) {
    DictValue.Builder dict = new DictValue.Builder(engine.budget());
    if (arguments.positional().size() > 1) {
      throw Fault.error("dict expected at most 1 argument, got %d", arguments.positional().size());
    }
    for (Value source : arguments.positional()) {
      if (source instanceof DictValue other) {
        other.entries().forEach(entry -> dict.put(entry.key(), entry.value()));
      } else if (source instanceof UndefinedValue undefined) {
        throw undefined.fault();
      } else {
        Iterator<Value> pairs = Iteration.of(engine.budget(), source);
        while (pairs.hasNext()) {
          putPair(engine, dict, pairs.next());
        }
      }
    }
    arguments.named().forEach(dict::put);
    return dict.build();
  }

  private static void putPair(Engine engine, DictValue.Builder dict, Value pair) {
    Iterator<Value> items = Iteration.of(engine.budget(), pair);
    Value key = items.hasNext() ? items.next() : null;
    Value value = items.hasNext() ? items.next() : null;
    if (key == null || value == null || items.hasNext()) {
      throw Fault.error("dictionary update sequence element must have length 2");
    }
    dict.put(key, value);
  }
}
