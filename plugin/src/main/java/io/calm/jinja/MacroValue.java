package io.calm.jinja;

/**
 * A macro with the scope of its definition, or the block that a call block passes as {@code
 * caller}.
 */
record MacroValue(Stmt.Macro macro, Scope scope) implements Value {
  @Override
  public String type() {
    return "Macro";
  }

  @Override
  public boolean truth() {
    return true;
  }

  @Override
  public boolean equals(Object other) {
    return this == other;
  }

  @Override
  public int hashCode() {
    return System.identityHashCode(this);
  }
}
