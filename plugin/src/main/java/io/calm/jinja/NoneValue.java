package io.calm.jinja;

/** Python's {@code None}. */
enum NoneValue implements Value {
  NONE;

  @Override
  public String type() {
    return "NoneType";
  }

  @Override
  public boolean truth() {
    return false;
  }
}
