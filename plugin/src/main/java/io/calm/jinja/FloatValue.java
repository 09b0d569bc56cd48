package io.calm.jinja;

/** Python's {@code float}. */
record FloatValue(double value) implements Value {
  @Override
  public String type() {
    return "float";
  }

  @Override
  public boolean truth() {
    return value != 0;
  }
}
