package io.calm.jinja;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** An attribute path such as {@code function.name} or {@code parts.0}, looked up by filters. */
final class AttributePath {
  private final Engine engine;
  private final List<Value> parts;
  private final @Nullable Value fallback;

  private AttributePath(Engine engine, List<Value> parts, @Nullable Value fallback) {
    this.engine = engine;
    this.parts = parts;
    this.fallback = fallback;
  }

  /** Creates the path for an attribute argument; {@code None} stands for the item itself. */
  static AttributePath of(Engine engine, Value attribute) {
    return of(engine, attribute, null);
  }

  /** Creates a path that yields a fallback if a part is undefined. */
  static AttributePath of(Engine engine, Value attribute, @Nullable Value fallback) {
    List<Value> parts = new ArrayList<>();
    if (attribute instanceof StringValue string) {
      for (String part : PyText.split(engine.budget(), string.text(), ".", -1, false)) {
        boolean digits =
            !part.isEmpty()
                && part.length() < 10
                && part.chars().allMatch(c -> c >= '0' && c <= '9');
        parts.add(digits ? IntValue.of(Long.parseLong(part)) : new StringValue(part));
      }
    } else if (attribute != NoneValue.NONE) {
      parts.add(attribute);
    }
    boolean none = fallback == null || fallback == NoneValue.NONE;
    return new AttributePath(engine, parts, none ? null : fallback);
  }

  Value of(Value item) {
    Value result = item;
    for (Value part : parts) {
      engine.budget().work(1);
      result = Attributes.item(engine, result, part);
      if (fallback != null && result instanceof UndefinedValue) {
        result = fallback;
      }
    }
    return result;
  }

  /** Returns a string in lower case, anything else as it is: Jinja2's default order of strings. */
  static Value ignoreCase(Value value) {
    return value instanceof StringValue string
        ? new StringValue(PyText.lower(string.text()))
        : value;
  }
}
