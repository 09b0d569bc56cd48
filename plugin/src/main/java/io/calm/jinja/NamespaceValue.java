package io.calm.jinja;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Jinja2's {@code namespace}, the only value whose attributes a template may set. */
final class NamespaceValue implements Value {
  private final Map<String, Value> attributes = new LinkedHashMap<>();

  @Nullable Value get(String name) {
    return attributes.get(name);
  }

  /**
   * Sets an attribute.
   *
   * @throws Fault if the name begins with an underscore, which transformers forbids
   */
  void set(String name, Value value) {
    if (name.startsWith("_")) {
      throw Fault.error(
          "Chat templates cannot store underscore-prefixed attributes on a namespace, but got %s."
              + " Please rename the attribute.",
          Repr.quote(name));
    }
    attributes.put(name, value);
  }

  Map<String, Value> attributes() {
    return attributes;
  }

  @Override
  public String type() {
    return "Namespace";
  }

  @Override
  public boolean truth() {
    return true;
  }
}
