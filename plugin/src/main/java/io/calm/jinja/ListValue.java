package io.calm.jinja;

import java.util.List;

/** Python's {@code list}, immutable for templates. Created by {@link Budget#list}. */
record ListValue(List<Value> items, int depth) implements Value {
  @Override
  public String type() {
    return "list";
  }

  @Override
  public boolean truth() {
    return !items.isEmpty();
  }
}
