package io.calm.jinja;

import java.util.Iterator;

/**
 * A Python generator or iterator, which can be read once, has no length and is always true.
 * Returned by lazy filters such as {@code map} and {@code select}.
 */
record IteratorValue(String type, Iterator<Value> iterator, int depth) implements Value {
  @Override
  public boolean truth() {
    return true;
  }

  @Override
  public boolean equals(Object other) {
    return this == other;
  }

  @Override
  public int hashCode() {
    return System.identityHashCode(this);
  }
}
