package io.calm.jinja;

/** Jinja2's {@code joiner}: empty at its first call, the separator after that. */
final class JoinerValue implements Value {
  private final Value separator;
  private boolean used;

  JoinerValue(Value separator) {
    this.separator = separator;
  }

  Value next() {
    Value result = used ? separator : StringValue.EMPTY;
    used = true;
    return result;
  }

  Value separator() {
    return separator;
  }

  boolean used() {
    return used;
  }

  @Override
  public String type() {
    return "Joiner";
  }

  @Override
  public boolean truth() {
    return true;
  }
}
