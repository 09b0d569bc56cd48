package io.calm.checkpoint.template;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** The methods of Python's strings and dictionaries that chat templates call. */
final class PythonMethods {
  private PythonMethods() {}

  /** Calls a method; refuses one that is not in the list. */
  static @Nullable Object call(Object base, String name, Object[] arguments) {
    if (name.equals(PythonSyntax.SLICE)) {
      return PythonSlice.of(base, arguments);
    }
    if (base instanceof String text) {
      return callString(text, name, arguments);
    }
    if (base instanceof Map<?, ?> map) {
      return callMap(map, name, arguments);
    }
    throw unknown(base.getClass().getSimpleName(), name);
  }

  private static Object callString(String text, String name, Object[] arguments) {
    return switch (name) {
      case "strip" -> PythonText.strip(text, string(arguments, 0, ""), true, true);
      case "lstrip" -> PythonText.strip(text, string(arguments, 0, ""), true, false);
      case "rstrip" -> PythonText.strip(text, string(arguments, 0, ""), false, true);
      case "split" -> split(text, arguments);
      case "splitlines" -> text.lines().toList();
      case "startswith" -> prefixes(arguments).stream().anyMatch(text::startsWith);
      case "endswith" -> prefixes(arguments).stream().anyMatch(text::endsWith);
      case "upper" -> text.toUpperCase(Locale.ROOT);
      case "lower" -> text.toLowerCase(Locale.ROOT);
      case "title" -> PythonText.title(text);
      case "capitalize" -> capitalize(text);
      case "replace" ->
          PythonText.replace(
              text, string(arguments, 0, ""), string(arguments, 1, ""), number(arguments, 2));
      case "find" -> (long) text.indexOf(string(arguments, 0, ""));
      case "count" -> (long) PythonText.split(text, string(arguments, 0, ""), -1).size() - 1;
      case "join" -> String.join(text, prefixes(arguments));
      case "isdigit" -> !text.isEmpty() && text.chars().allMatch(Character::isDigit);
      case "removeprefix" -> removePrefix(text, string(arguments, 0, ""));
      case "removesuffix" -> removeSuffix(text, string(arguments, 0, ""));
      default -> throw unknown("str", name);
    };
  }

  private static @Nullable Object callMap(Map<?, ?> map, String name, Object[] arguments) {
    return switch (name) {
      case "items" -> items(map);
      case "keys" -> new ArrayList<Object>(map.keySet());
      case "values" -> new ArrayList<@Nullable Object>(map.values());
      case "get" -> {
        Object value = map.get(string(arguments, 0, ""));
        yield value == null && arguments.length > 1 ? arguments[1] : value;
      }
      default -> throw unknown("dict", name);
    };
  }

  private static List<Object> items(Map<?, ?> map) {
    List<Object> items = new ArrayList<>();
    map.forEach(
        (key, value) -> {
          List<@Nullable Object> pair = new ArrayList<>();
          pair.add(key);
          pair.add(value);
          items.add(pair);
        });
    return items;
  }

  private static List<String> split(String text, Object[] arguments) {
    String separator = string(arguments, 0, "");
    return arguments.length == 0
        ? PythonText.words(text)
        : PythonText.split(text, separator, number(arguments, 1));
  }

  private static String capitalize(String text) {
    int first = text.isEmpty() ? 0 : text.offsetByCodePoints(0, 1);
    return PythonText.title(text.substring(0, first))
        + text.substring(first).toLowerCase(Locale.ROOT);
  }

  private static String removePrefix(String text, String prefix) {
    return text.startsWith(prefix) ? text.substring(prefix.length()) : text;
  }

  private static String removeSuffix(String text, String suffix) {
    return text.endsWith(suffix) ? text.substring(0, text.length() - suffix.length()) : text;
  }

  /** Returns a string or a list of strings as a list. */
  private static List<String> prefixes(Object[] arguments) {
    Object first = arguments.length == 0 ? "" : arguments[0];
    return first instanceof Collection<?> several
        ? several.stream().map(String::valueOf).toList()
        : List.of(String.valueOf(first));
  }

  private static String string(Object[] arguments, int index, String otherwise) {
    return index < arguments.length ? String.valueOf(arguments[index]) : otherwise;
  }

  private static int number(Object[] arguments, int index) {
    return index < arguments.length && arguments[index] instanceof Number n ? n.intValue() : -1;
  }

  private static TemplateFault unknown(String type, String name) {
    return new TemplateFault(
        "no method " + name + " of " + type + " may be called in a chat template");
  }
}
