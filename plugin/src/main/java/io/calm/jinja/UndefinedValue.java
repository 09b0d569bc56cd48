package io.calm.jinja;

/**
 * Jinja2's default {@code Undefined}: false, and empty when printed or iterated. Any other
 * operation raises an error with the message.
 */
record UndefinedValue(String message) implements Value {

  static UndefinedValue name(String name) {
    return new UndefinedValue(Repr.quote(name) + " is undefined");
  }

  static UndefinedValue parameter(String name) {
    return new UndefinedValue("parameter %s was not provided".formatted(Repr.quote(name)));
  }

  static UndefinedValue attribute(Value owner, String name) {
    return new UndefinedValue(
        "'%s' has no attribute %s".formatted(describe(owner), Repr.quote(name)));
  }

  static UndefinedValue element(Value owner, String element) {
    return new UndefinedValue("%s has no element %s".formatted(describe(owner), element));
  }

  static UndefinedValue unsafe(Value owner, String name) {
    return new UndefinedValue(
        "access to attribute %s of '%s' object is unsafe."
            .formatted(Repr.quote(name), owner.type()));
  }

  Fault fault() {
    return Fault.error("%s", message);
  }

  private static String describe(Value owner) {
    return owner == NoneValue.NONE ? "None" : owner.type() + " object";
  }

  @Override
  public String type() {
    return "Undefined";
  }

  @Override
  public boolean truth() {
    return false;
  }
}
