package io.calm.jinja;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** The {@code loop} variable. Reads ahead only if the template uses later items. */
final class LoopValue implements Value {
  private final Engine engine;
  private final Stmt.For node;
  private final Scope outer;
  private final int depth0;
  private Iterator<Value> iterator;
  private OptionalInt length;
  private int index0 = -1;
  private @Nullable Value before;
  private @Nullable Value current;
  private @Nullable Value after;
  private @Nullable Value changed;

  /**
   * Creates the variable of a new loop.
   *
   * @param length number of iterations; empty if it is known only after reading all items
   * @param outer scope around the loop
   * @param depth0 depth of the recursion, from 0
   */
  LoopValue(
      Engine engine,
      Stmt.For node,
      Scope outer,
      int depth0,
      Iterator<Value> iterator,
      OptionalInt length) {
    this.engine = engine;
    this.node = node;
    this.outer = outer;
    this.depth0 = depth0;
    this.iterator = iterator;
    this.length = length;
  }

  /** Advances to the next iteration; returns null after the last. */
  @Nullable Value advance() {
    Value next = peek();
    if (next != null) {
      after = null;
      index0++;
      before = current;
      current = next;
    }
    return next;
  }

  private @Nullable Value peek() {
    if (after == null && iterator.hasNext()) {
      after = iterator.next();
    }
    return after;
  }

  private int length() {
    if (length.isEmpty()) {
      List<Value> rest = new ArrayList<>();
      while (iterator.hasNext()) {
        engine.budget().grow(rest.size());
        rest.add(iterator.next());
      }
      iterator = rest.iterator();
      length = OptionalInt.of(rest.size() + index0 + 1 + (after == null ? 0 : 1));
    }
    return length.getAsInt();
  }

  /** Returns an attribute, or null if there is none with the name. */
  @Nullable Value attribute(String name) {
    return switch (name) {
      case "index" -> IntValue.of(index0 + 1L);
      case "index0" -> IntValue.of(index0);
      case "revindex" -> IntValue.of((long) length() - index0);
      case "revindex0" -> IntValue.of((long) length() - index0 - 1);
      case "first" -> BoolValue.of(index0 == 0);
      case "last" -> BoolValue.of(peek() == null);
      case "length" -> IntValue.of(length());
      case "depth" -> IntValue.of(depth0 + 1L);
      case "depth0" -> IntValue.of(depth0);
      case "previtem" -> or(index0 == 0 ? null : before, "there is no previous item");
      case "nextitem" -> or(peek(), "there is no next item");
      case "cycle" -> new FunctionValue("cycle", (engine, arguments) -> cycle(arguments));
      case "changed" -> new FunctionValue("changed", (engine, arguments) -> changed(arguments));
      default -> null;
    };
  }

  private static Value or(@Nullable Value item, String message) {
    return item == null ? new UndefinedValue(message) : item;
  }

  private Value cycle(Arguments arguments) {
    List<Value> items = arguments.positional();
    if (items.isEmpty()) {
      throw Fault.error("no items for cycling given");
    }
    return items.get(index0 % items.size());
  }

  private Value changed(Arguments arguments) {
    Value value = engine.budget().tuple(arguments.positional());
    if (changed != null && Comparisons.equal(engine.budget(), changed, value)) {
      return BoolValue.FALSE;
    }
    changed = value;
    return BoolValue.TRUE;
  }

  /** Renders the loop's body over other items, one level deeper. */
  Value recurse(Arguments arguments) {
    if (!node.recursive()) {
      throw Fault.error("The loop must have the 'recursive' marker to be called recursively.");
    }
    Value items = arguments.bind("loop", "iterable").get(0);
    return engine.statements().recurse(node, outer, items, depth0 + 1);
  }

  int size() {
    return length();
  }

  @Override
  public String type() {
    return "LoopContext";
  }

  @Override
  public boolean truth() {
    return length() > 0;
  }
}
