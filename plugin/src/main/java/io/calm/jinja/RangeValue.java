package io.calm.jinja;

/** Python's {@code range}. */
record RangeValue(long start, long stop, long step) implements Value {
  private static final int MAX = 100_000;

  /** Checks the step and the sandbox's limit of 100,000 elements. */
  RangeValue {
    if (step == 0) {
      throw Fault.error("range() arg 3 must not be zero");
    }
    if (elements((double) start, (double) stop, (double) step) > MAX) {
      throw Fault.error(
          "Range too big. The sandbox blocks ranges larger than MAX_RANGE (%d).", MAX);
    }
  }

  int size() {
    return (int) elements((double) start, (double) stop, (double) step);
  }

  IntValue get(int index) {
    return IntValue.of(start + step * index);
  }

  private static double elements(double start, double stop, double step) {
    return Math.max(0, Math.ceil((stop - start) / step));
  }

  @Override
  public String type() {
    return "range";
  }

  @Override
  public boolean truth() {
    return size() > 0;
  }
}
