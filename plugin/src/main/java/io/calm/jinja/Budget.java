package io.calm.jinja;

import java.util.List;

/**
 * The remaining {@link TemplateLimits} of one rendering. Every value whose size depends on its
 * input is created here, so that all of them are counted. Not thread safe.
 */
final class Budget {
  private static final int CLOCK_EVERY = 256;
  private static final int CHARS_PER_STEP = 32;
  private static final int CHARS_READ_PER_STEP = 128;
  private static final int OBJECT_BYTES = 32;
  private static final int VARIABLE_BYTES = 128;

  /** Right shift from the product of two bit lengths to steps: two integers of 362 bits are one. */
  private static final int QUADRATIC_SHIFT = 17;

  private static final int FLOAT_DIGITS = 64;

  private final TemplateLimits limits;
  private final RenderClock clock = new RenderClock();
  private long steps;
  private long nextClock = CLOCK_EVERY;
  private long allocated;
  private int depth;

  Budget(TemplateLimits limits) {
    this.limits = limits;
  }

  /** Counts work before it is done. A negative amount is a sum that overflowed. */
  void work(long amount) {
    if (amount < 0 || amount > limits.steps() - steps) {
      throw Fault.limit(
          "the template does more work than %d steps allow".formatted(limits.steps()));
    }
    steps += amount;
    if (steps >= nextClock) {
      nextClock = steps + CLOCK_EVERY;
      if (clock.isOver(limits.time())) {
        throw Fault.limit(
            "the template renders for longer than %d ms".formatted(limits.time().toMillis()));
      }
    }
  }

  /** Counts the processing of {@code chars} characters. */
  void scan(long chars) {
    work(1 + chars / CHARS_PER_STEP);
  }

  /** Counts the reading of {@code chars} characters without further processing. */
  void read(long chars) {
    work(chars / CHARS_READ_PER_STEP);
  }

  void enter() {
    if (++depth > limits.depth()) {
      throw Fault.limit("calls and expressions nest deeper than " + limits.depth());
    }
  }

  void leave() {
    depth--;
  }

  /** Checks and counts a string of {@code chars} characters before it is built. */
  void reserve(long chars) {
    if (chars < 0 || chars > limits.string()) {
      throw Fault.limit("a string is longer than %d characters".formatted(limits.string()));
    }
    allocate(chars);
    scan(chars);
  }

  /** Checks and counts a collection of {@code items} elements before it is built. */
  void reserveItems(long items) {
    if (items < 0 || items > limits.items()) {
      throw Fault.limit("a list has more than %d elements".formatted(limits.items()));
    }
    allocate(OBJECT_BYTES * items);
    work(1 + items / 8);
  }

  /** Counts named values of a call: its arguments by name, or the parameters of a macro. */
  void variables(int count) {
    if (count > 0) {
      allocate((long) VARIABLE_BYTES * count);
      work(count);
    }
  }

  /** Checks the length of text that is being built piece by piece. */
  void grow(StringBuilder text) {
    if (text.length() > limits.string()) {
      throw Fault.limit("a string is longer than %d characters".formatted(limits.string()));
    }
  }

  /** Checks the size of a collection that is being built piece by piece, and counts one step. */
  void grow(int size) {
    if (size >= limits.items()) {
      throw Fault.limit("a list has more than %d elements".formatted(limits.items()));
    }
    allocate(OBJECT_BYTES);
    work(1);
  }

  /** Checks the length of the output. */
  void output(long chars) {
    if (chars > limits.output()) {
      throw Fault.limit("the output is longer than %d characters".formatted(limits.output()));
    }
  }

  /** Checks the size of an integer before it is computed. */
  void integer(long bits) {
    if (bits > limits.integerBits()) {
      throw Fault.limit("an integer is larger than %d bits".formatted(limits.integerBits()));
    }
    product(bits, bits);
  }

  /** Counts arithmetic with two integers, given their bit lengths. */
  void product(long bits, long others) {
    work(1 + (bits + others) / 256 + ((bits * others) >> QUADRATIC_SHIFT));
  }

  /** Counts the conversion of a number to digits. */
  void digits(Value number) {
    if (number instanceof FloatValue) {
      work(FLOAT_DIGITS);
    } else if (number instanceof IntValue whole && !whole.isLong()) {
      integer(whole.big().bitLength());
    }
  }

  /** Returns the value of a string that was built and counted before. */
  StringValue string(String text) {
    reserve(text.length());
    return new StringValue(text);
  }

  ListValue list(List<Value> items) {
    reserveItems(items.size());
    return new ListValue(items, nest(items));
  }

  TupleValue tuple(List<Value> items) {
    reserveItems(items.size());
    return new TupleValue(items, nest(items), false);
  }

  /** Returns the depth of a value that contains {@code items}. */
  int nest(Iterable<Value> items) {
    int deepest = 0;
    for (Value item : items) {
      deepest = Math.max(deepest, item.depth());
    }
    return nest(deepest);
  }

  /** Returns the depth of a value whose deepest element has depth {@code deepest}. */
  int nest(int deepest) {
    if (deepest >= limits.nesting()) {
      throw Fault.limit("values nest deeper than " + limits.nesting());
    }
    return deepest + 1;
  }

  private void allocate(long bytes) {
    if (bytes < 0 || bytes > limits.allocation() - OBJECT_BYTES - allocated) {
      throw Fault.limit("the template allocates more than %d bytes".formatted(limits.allocation()));
    }
    allocated += OBJECT_BYTES + bytes;
  }
}
