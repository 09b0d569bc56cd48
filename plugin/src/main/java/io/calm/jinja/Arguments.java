package io.calm.jinja;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Arguments of one call: positional ones and named ones, in the order of the call. */
record Arguments(List<Value> positional, Map<String, Value> named) {
  static final Arguments NONE = new Arguments(List.of(), Map.of());

  static Arguments of(Value... values) {
    return new Arguments(List.of(values), Map.of());
  }

  /** Returns a copy with another positional argument before the others. */
  Arguments after(Value first) {
    List<Value> all = new ArrayList<>(positional.size() + 1);
    all.add(first);
    all.addAll(positional);
    return new Arguments(all, named);
  }

  /** Returns a copy without the first {@code index} positional arguments. */
  Arguments from(int index) {
    return new Arguments(positional.subList(index, positional.size()), named);
  }

  /**
   * Assigns the arguments to parameters, as Python does.
   *
   * @param parameters names, separated by blanks; one with a question mark is optional
   * @throws Fault if arguments are missing, unknown, too many or given twice
   */
  Bound bind(String function, String parameters) {
    String[] names = parameters.isEmpty() ? new String[0] : parameters.split(" ");
    if (positional.size() > names.length) {
      throw Fault.error(
          "%s() takes at most %d argument%s (%d given)",
          function, names.length, names.length == 1 ? "" : "s", positional.size());
    }
    @Nullable Value[] values = new @Nullable Value[names.length];
    Map<String, Value> left = named.isEmpty() ? Map.of() : new HashMap<>(named);
    for (int i = 0; i < names.length; i++) {
      boolean optional = names[i].endsWith("?");
      String name = optional ? names[i].substring(0, names[i].length() - 1) : names[i];
      Value byName = left.isEmpty() ? null : left.remove(name);
      if (i < positional.size()) {
        if (byName != null) {
          throw Fault.error("%s() got multiple values for argument '%s'", function, name);
        }
        values[i] = positional.get(i);
      } else if (byName != null) {
        values[i] = byName;
      } else if (!optional) {
        throw Fault.error("%s() missing required argument: '%s'", function, name);
      }
    }
    if (!left.isEmpty()) {
      throw Fault.error(
          "%s() got an unexpected keyword argument '%s'",
          function, left.keySet().iterator().next());
    }
    return new Bound(function, values);
  }

  /** The values of parameters; an optional parameter may have no value. */
  static final class Bound {
    private final String function;
    private final @Nullable Value[] values;

    Bound(String function, @Nullable Value[] values) {
      this.function = function;
      this.values = values;
    }

    boolean has(int index) {
      return values[index] != null;
    }

    /** Returns whether an argument was given and is not {@code None}. */
    boolean some(int index) {
      return values[index] != null && values[index] != NoneValue.NONE;
    }

    Value get(int index) {
      Value value = values[index];
      return value == null ? NoneValue.NONE : value;
    }

    Value or(int index, Value fallback) {
      Value value = values[index];
      return value == null ? fallback : value;
    }

    boolean flag(int index, boolean fallback) {
      Value value = values[index];
      return value == null ? fallback : value.truth();
    }

    /** Returns a string argument. */
    String text(int index) {
      if (get(index) instanceof StringValue string) {
        return string.text();
      }
      throw wrong(index, "a string");
    }

    String text(int index, String fallback) {
      return has(index) ? text(index) : fallback;
    }

    /** Returns an integer argument, or the nearest long. */
    long number(int index) {
      Value value = get(index);
      if (value instanceof IntValue number) {
        return number.clamped();
      }
      if (value instanceof BoolValue flag) {
        return flag.truth() ? 1 : 0;
      }
      if (value instanceof UndefinedValue undefined) {
        throw undefined.fault();
      }
      throw wrong(index, "an integer");
    }

    long number(int index, long fallback) {
      return has(index) ? number(index) : fallback;
    }

    private Fault wrong(int index, String expected) {
      return Fault.error(
          "%s(): expected %s as argument %d, got '%s'",
          function, expected, index + 1, get(index).type());
    }
  }
}
