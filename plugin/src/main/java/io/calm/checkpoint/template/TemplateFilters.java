package io.calm.checkpoint.template;

import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.exptest.ExpTest;
import com.hubspot.jinjava.lib.filter.Filter;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Filters and tests whose results differ between Jinjava and Jinja2. */
final class TemplateFilters {
  private TemplateFilters() {}

  /** {@code tojson(indent=...)} with Python's spaces. */
  static final class ToJson implements Filter {
    @Override
    public String getName() {
      return "tojson";
    }

    @Override
    public Object filter(
        @Nullable Object value,
        JinjavaInterpreter interpreter,
        Object[] arguments,
        Map<String, Object> named) {
      Object indent = named.getOrDefault("indent", arguments.length > 0 ? arguments[0] : -1);
      return PythonJson.write(value, indent instanceof Number n ? n.intValue() : -1);
    }

    @Override
    public Object filter(
        @Nullable Object value, JinjavaInterpreter interpreter, String... arguments) {
      return PythonJson.write(value, -1);
    }
  }

  /** {@code items}: the pairs of a dictionary, none of an undefined value. */
  static final class Items implements Filter {
    @Override
    public String getName() {
      return "items";
    }

    @Override
    public @Nullable Object filter(
        @Nullable Object value, JinjavaInterpreter interpreter, String... arguments) {
      return value == null ? List.of() : PythonMethods.call(value, "items", new Object[0]);
    }
  }

  /** {@code trim} with Python's idea of white space. */
  static final class Trim implements Filter {
    @Override
    public String getName() {
      return "trim";
    }

    @Override
    public Object filter(
        @Nullable Object value, JinjavaInterpreter interpreter, String... arguments) {
      String text = value == null ? "" : value.toString();
      return PythonText.strip(text, arguments.length > 0 ? arguments[0] : "", true, true);
    }
  }

  /** A string is iterable and a sequence in Python. */
  record StringToo(String name) implements ExpTest {
    @Override
    public String getName() {
      return name;
    }

    @Override
    public boolean evaluate(
        @Nullable Object value, JinjavaInterpreter interpreter, Object... arguments) {
      return value instanceof String || value instanceof Collection || value instanceof Map;
    }
  }
}
