package io.calm.jinja;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The variables of a template, loop, macro or block. Those of enclosing scopes are visible. */
final class Scope {
  private final @Nullable Scope parent;
  private final Map<String, Value> variables;

  /** Creates the outermost scope, which holds the globals. */
  Scope(Map<String, Value> globals) {
    this.parent = null;
    this.variables = globals;
  }

  Scope(Scope parent) {
    this.parent = parent;
    this.variables = new HashMap<>();
  }

  Value get(String name) {
    for (Scope scope = this; scope != null; scope = scope.parent) {
      Value value = scope.variables.get(name);
      if (value != null) {
        return value;
      }
    }
    return UndefinedValue.name(name);
  }

  void set(String name, Value value) {
    variables.put(name, value);
  }
}
