package io.calm.jinja;

import java.util.Map;

/**
 * Jinja2's {@code self}: the named blocks of the template, as functions.
 *
 * @param blocks functions by name
 */
record SelfValue(Map<String, FunctionValue> blocks) implements Value {

  @Override
  public String type() {
    return "TemplateReference";
  }

  @Override
  public boolean truth() {
    return true;
  }
}
