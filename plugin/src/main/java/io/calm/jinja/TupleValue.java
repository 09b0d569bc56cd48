package io.calm.jinja;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Python's {@code tuple}. Created by {@link Budget#tuple}.
 *
 * @param group whether it is a pair of {@code groupby}, whose elements have names
 */
record TupleValue(List<Value> items, int depth, boolean group) implements Value {
  @Nullable Value attribute(String name) {
    if (group && name.equals("grouper")) {
      return items.get(0);
    }
    return group && name.equals("list") ? items.get(1) : null;
  }

  @Override
  public String type() {
    return "tuple";
  }

  @Override
  public boolean truth() {
    return !items.isEmpty();
  }
}
