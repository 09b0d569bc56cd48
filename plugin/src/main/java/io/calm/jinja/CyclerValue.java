package io.calm.jinja;

import java.util.List;

/** Jinja2's {@code cycler}: yields its items in turn. */
final class CyclerValue implements Value {
  private final List<Value> items;
  private int position;

  CyclerValue(List<Value> items) {
    if (items.isEmpty()) {
      throw Fault.error("at least one item has to be provided");
    }
    this.items = items;
  }

  Value current() {
    return items.get(position);
  }

  Value next() {
    Value result = current();
    position = (position + 1) % items.size();
    return result;
  }

  void reset() {
    position = 0;
  }

  @Override
  public String type() {
    return "Cycler";
  }

  @Override
  public boolean truth() {
    return true;
  }
}
