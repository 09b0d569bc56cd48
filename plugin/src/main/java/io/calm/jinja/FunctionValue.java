package io.calm.jinja;

/** A function or method of the engine. */
record FunctionValue(String name, Body body) implements Value {

  /** The implementation of a function, filter or test. */
  @FunctionalInterface
  interface Body {
    Value call(Engine engine, Arguments arguments);
  }

  @Override
  public String type() {
    return "builtin_function_or_method";
  }

  @Override
  public boolean truth() {
    return true;
  }
}
