package io.calm.jinja;

import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Python's {@code dict}, immutable for templates. Created by {@link Builder}. */
final class DictValue implements Value {

  /** A key and its value. */
  record Entry(Value key, Value value) {}

  private final Map<Object, Entry> entries;
  private final int depth;

  private DictValue(Map<Object, Entry> entries, int depth) {
    this.entries = entries;
    this.depth = depth;
  }

  Collection<Entry> entries() {
    return entries.values();
  }

  int size() {
    return entries.size();
  }

  /** Returns the value of a key, or null if there is none. */
  @Nullable Value get(Budget budget, Value key) {
    Entry entry = entries.get(Keys.of(budget, key));
    return entry == null ? null : entry.value();
  }

  @Nullable Value get(String key) {
    Entry entry = entries.get(key);
    return entry == null ? null : entry.value();
  }

  boolean containsKey(Budget budget, Value key) {
    return entries.containsKey(Keys.of(budget, key));
  }

  @Override
  public String type() {
    return "dict";
  }

  @Override
  public boolean truth() {
    return !entries.isEmpty();
  }

  @Override
  public int depth() {
    return depth;
  }

  /** Collects entries in order; a repeated key keeps its position and takes the later value. */
  static final class Builder {
    private final Budget budget;
    private final Map<Object, Entry> entries = new LinkedHashMap<>();
    private int deepest;

    Builder(Budget budget) {
      this.budget = budget;
    }

    Builder put(Value key, Value value) {
      budget.grow(entries.size());
      Object plain = Keys.of(budget, key);
      Entry before = entries.get(plain);
      entries.put(plain, new Entry(before == null ? key : before.key(), value));
      deepest = Math.max(deepest, Math.max(key.depth(), value.depth()));
      return this;
    }

    Builder put(String key, Value value) {
      return put(new StringValue(key), value);
    }

    DictValue build() {
      return new DictValue(entries, budget.nest(deepest));
    }
  }
}
