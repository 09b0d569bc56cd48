package io.calm.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Attribute and item access as {@code jinja2.sandbox.ImmutableSandboxedEnvironment} allows it:
 * Python's attributes by name, never Java's.
 */
final class Attributes {
  private static final Set<String> LIST_CHANGES =
      Set.of("append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove");
  private static final Set<String> DICT_CHANGES =
      Set.of("clear", "pop", "popitem", "setdefault", "update");

  private Attributes() {}

  /** Evaluates {@code value.name}: an attribute, else an item. */
  static Value attribute(Engine engine, Value value, String name) {
    Value found = find(engine, value, name);
    if (found == null && value instanceof DictValue dict) {
      found = dict.get(name);
    }
    return found == null ? UndefinedValue.attribute(value, name) : found;
  }

  /** Evaluates {@code value[key]}: an item, else an attribute. */
  static Value item(Engine engine, Value value, Value key) {
    Value found = element(engine.budget(), value, key);
    if (found != null) {
      return found;
    }
    if (key instanceof StringValue name) {
      found = find(engine, value, name.text());
      return found == null ? UndefinedValue.attribute(value, name.text()) : found;
    }
    return UndefinedValue.element(value, Repr.brief(engine.budget(), key));
  }

  private static @Nullable Value element(Budget budget, Value value, Value key) {
    if (value instanceof UndefinedValue undefined) {
      throw undefined.fault();
    }
    if (value instanceof DictValue dict) {
      boolean hashable = !(key instanceof ListValue || key instanceof DictValue);
      return hashable ? dict.get(budget, key) : null;
    }
    return key instanceof IntValue || key instanceof BoolValue
        ? Slices.at(budget, value, Arithmetic.integer(key).clamped())
        : null;
  }

  /**
   * Returns the result of {@code getattr} in the sandbox, or null if there is no such attribute.
   */
  static @Nullable Value find(Engine engine, Value value, String name) {
    if (value instanceof UndefinedValue undefined) {
      throw undefined.fault();
    }
    if (value instanceof NamespaceValue namespace) {
      return namespace.get(name);
    }
    if (value instanceof SelfValue self) {
      return self.blocks().get(name);
    }
    if (name.startsWith("__") && name.endsWith("__")) {
      return UndefinedValue.unsafe(value, name);
    }
    if (value instanceof StringValue string) {
      FunctionValue.Body body = StringMethods.get(name);
      return method(
          string, name, body != null && string.markup() ? Markup.escaping(name, body) : body);
    }
    if (value instanceof DictValue dict) {
      return DICT_CHANGES.contains(name)
          ? UndefinedValue.unsafe(value, name)
          : method(dict, name, DictMethods.get(name));
    }
    if (value instanceof ListValue || value instanceof TupleValue || value instanceof RangeValue) {
      return sequence(value, name);
    }
    if (value instanceof LoopValue loop) {
      return loop.attribute(name);
    }
    return Comparisons.isNumber(value) ? number(value, name) : other(engine.budget(), value, name);
  }

  private static @Nullable Value method(
      Value owner, String name, FunctionValue.@Nullable Body body) {
    return body == null
        ? null
        : new FunctionValue(name, (engine, arguments) -> engine.call(body, arguments.after(owner)));
  }

  private static @Nullable Value sequence(Value value, String name) {
    if (value instanceof ListValue && LIST_CHANGES.contains(name)) {
      return UndefinedValue.unsafe(value, name);
    }
    if (value instanceof RangeValue range) {
      switch (name) {
        case "start" -> {
          return IntValue.of(range.start());
        }
        case "stop" -> {
          return IntValue.of(range.stop());
        }
        case "step" -> {
          return IntValue.of(range.step());
        }
        default -> {}
      }
    }
    Value named = value instanceof TupleValue tuple ? tuple.attribute(name) : null;
    if (named != null) {
      return named;
    }
    if (value instanceof ListValue && name.equals("copy")) {
      return new FunctionValue("copy", (engine, arguments) -> value);
    }
    return switch (name) {
      case "count" -> method(value, name, Attributes::count);
      case "index" -> method(value, name, Attributes::index);
      default -> null;
    };
  }

  private static Value count(Engine engine, Arguments arguments) {
    Arguments.Bound bound = arguments.bind("count", "self value");
    long count = 0;
    for (Value item : Iteration.list(engine.budget(), bound.get(0))) {
      if (Comparisons.equal(engine.budget(), item, bound.get(1))) {
        count++;
      }
    }
    return IntValue.of(count);
  }

  private static Value index(Engine engine, Arguments arguments) {
    Arguments.Bound bound = arguments.bind("index", "self value start? stop?");
    List<Value> items = Iteration.list(engine.budget(), bound.get(0));
    int size = items.size();
    long start = bound.number(2, 0);
    long stop = bound.number(3, size);
    start = Math.max(0, start < 0 ? start + size : start);
    stop = Math.min(size, stop < 0 ? stop + size : stop);
    for (long i = start; i < stop; i++) {
      if (Comparisons.equal(engine.budget(), items.get((int) i), bound.get(1))) {
        return IntValue.of(i);
      }
    }
    throw Fault.error(
        "%s is not in %s", Repr.brief(engine.budget(), bound.get(1)), bound.get(0).type());
  }

  private static @Nullable Value number(Value value, String name) {
    boolean real = value instanceof FloatValue;
    return switch (name) {
      case "real" -> real ? value : Arithmetic.integer(value);
      case "imag" -> real ? new FloatValue(0) : IntValue.of(0);
      case "numerator" -> real ? null : Arithmetic.integer(value);
      case "denominator" -> real ? null : IntValue.of(1);
      case "bit_length" ->
          real
              ? null
              : new FunctionValue(
                  name,
                  (engine, arguments) ->
                      IntValue.of(Arithmetic.integer(value).big().abs().bitLength()));
      case "is_integer" ->
          real
              ? new FunctionValue(
                  name,
                  (engine, arguments) -> {
                    double number = Arithmetic.toDouble(value);
                    return BoolValue.of(number == Math.rint(number) && !Double.isInfinite(number));
                  })
              : null;
      default -> null;
    };
  }

  private static @Nullable Value other(Budget budget, Value value, String name) {
    if (value instanceof MacroValue macro) {
      return macro(budget, macro.macro(), name);
    }
    if (value instanceof CyclerValue cycler) {
      return switch (name) {
        case "current" -> cycler.current();
        case "next" -> new FunctionValue(name, (engine, arguments) -> cycler.next());
        case "reset" ->
            new FunctionValue(
                name,
                (engine, arguments) -> {
                  cycler.reset();
                  return NoneValue.NONE;
                });
        default -> null;
      };
    }
    if (value instanceof JoinerValue joiner) {
      return switch (name) {
        case "sep" -> joiner.separator();
        case "used" -> BoolValue.of(joiner.used());
        default -> null;
      };
    }
    if (value instanceof FunctionValue function && function.name().equals("dict")) {
      return name.equals("fromkeys") ? new FunctionValue(name, DictMethods::fromKeys) : null;
    }
    return null;
  }

  private static @Nullable Value macro(Budget budget, Stmt.Macro macro, String name) {
    return switch (name) {
      case "name" -> macro.name() == null ? NoneValue.NONE : new StringValue(macro.name());
      case "arguments" -> {
        List<Value> names = new ArrayList<>();
        macro.parameters().forEach(it -> names.add(new StringValue(it.name())));
        yield budget.tuple(names);
      }
      case "catch_kwargs" -> BoolValue.of(macro.special().contains("kwargs"));
      case "catch_varargs" -> BoolValue.of(macro.special().contains("varargs"));
      case "caller" -> BoolValue.of(macro.special().contains("caller"));
      default -> null;
    };
  }
}
