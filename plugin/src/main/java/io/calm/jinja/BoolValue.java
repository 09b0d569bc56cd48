package io.calm.jinja;

/** Python's {@code bool}. */
enum BoolValue implements Value {
  FALSE,
  TRUE;

  static BoolValue of(boolean value) {
    return value ? TRUE : FALSE;
  }

  @Override
  public String type() {
    return "bool";
  }

  @Override
  public boolean truth() {
    return this == TRUE;
  }
}
