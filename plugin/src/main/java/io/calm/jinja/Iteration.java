package io.calm.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.OptionalInt;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Python's iteration over values. */
final class Iteration {
  private Iteration() {}

  /**
   * Returns an iterator over a value's elements; each counts one step.
   *
   * @throws Fault if the value is not iterable
   */
  static Iterator<Value> of(Budget budget, Value value) {
    Iterator<Value> plain = plain(budget, value);
    if (plain == null) {
      throw Fault.error("'%s' object is not iterable", value.type());
    }
    return plain;
  }

  static boolean possible(Budget budget, Value value) {
    return plain(budget, value) != null;
  }

  private static @Nullable Iterator<Value> plain(Budget budget, Value value) {
    if (value instanceof ListValue list) {
      return map(budget, list.items().iterator(), item -> item);
    }
    if (value instanceof TupleValue tuple) {
      return map(budget, tuple.items().iterator(), item -> item);
    }
    if (value instanceof DictValue dict) {
      return map(budget, dict.entries().iterator(), DictValue.Entry::key);
    }
    if (value instanceof ViewValue view) {
      Iterator<DictValue.Entry> entries = view.dict().entries().iterator();
      return switch (view.kind()) {
        case KEYS -> map(budget, entries, DictValue.Entry::key);
        case VALUES -> map(budget, entries, DictValue.Entry::value);
        case ITEMS -> map(budget, entries, entry -> pair(budget, entry));
      };
    }
    if (value instanceof StringValue string) {
      return map(budget, string.text().codePoints().iterator(), Iteration::character);
    }
    if (value instanceof RangeValue range) {
      return map(budget, IntStream.range(0, range.size()).iterator(), range::get);
    }
    if (value instanceof IteratorValue iterator) {
      return iterator.iterator();
    }
    return value instanceof UndefinedValue ? Collections.emptyIterator() : null;
  }

  static TupleValue pair(Budget budget, DictValue.Entry entry) {
    return budget.tuple(List.of(entry.key(), entry.value()));
  }

  private static StringValue character(int codePoint) {
    return new StringValue(Character.toString(codePoint));
  }

  /** Returns a new list of the elements. */
  static List<Value> list(Budget budget, Value value) {
    if (value instanceof ListValue list) {
      return list.items();
    }
    if (value instanceof TupleValue tuple) {
      return tuple.items();
    }
    List<Value> items = new ArrayList<>();
    for (Iterator<Value> iterator = of(budget, value); iterator.hasNext(); ) {
      budget.grow(items.size());
      items.add(iterator.next());
    }
    return items;
  }

  /** Returns Python's {@code len}; empty if the value has none. */
  static OptionalInt size(Value value) {
    if (value instanceof StringValue string) {
      return OptionalInt.of(string.length());
    }
    if (value instanceof ListValue list) {
      return OptionalInt.of(list.items().size());
    }
    if (value instanceof TupleValue tuple) {
      return OptionalInt.of(tuple.items().size());
    }
    if (value instanceof DictValue dict) {
      return OptionalInt.of(dict.size());
    }
    if (value instanceof ViewValue view) {
      return OptionalInt.of(view.dict().size());
    }
    if (value instanceof RangeValue range) {
      return OptionalInt.of(range.size());
    }
    if (value instanceof LoopValue loop) {
      return OptionalInt.of(loop.size());
    }
    return value instanceof UndefinedValue ? OptionalInt.of(0) : OptionalInt.empty();
  }

  /** Returns an iterator that applies a function lazily. */
  static <T> Iterator<Value> map(Budget budget, Iterator<T> source, Function<T, Value> function) {
    return new Iterator<>() {
      @Override
      public boolean hasNext() {
        return source.hasNext();
      }

      @Override
      public Value next() {
        budget.work(1);
        return function.apply(source.next());
      }
    };
  }

  /** Returns an iterator that filters lazily. */
  static Iterator<Value> filter(Iterator<Value> source, Predicate<Value> predicate) {
    return new Iterator<>() {
      private @Nullable Value next;

      @Override
      public boolean hasNext() {
        while (next == null && source.hasNext()) {
          Value candidate = source.next();
          if (predicate.test(candidate)) {
            next = candidate;
          }
        }
        return next != null;
      }

      @Override
      public Value next() {
        Value result = hasNext() ? next : null;
        if (result == null) {
          throw new NoSuchElementException();
        }
        next = null;
        return result;
      }
    };
  }
}
