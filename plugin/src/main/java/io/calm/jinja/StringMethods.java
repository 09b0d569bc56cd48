package io.calm.jinja;

import io.calm.jinja.Arguments.Bound;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Methods of Python's {@code str}; the string is the first argument. */
final class StringMethods {
  private StringMethods() {}

  static FunctionValue.@Nullable Body get(String name) {
    return switch (name) {
      case "upper" -> text(name, PyText::upper);
      case "lower" -> text(name, PyText::lower);
      case "casefold" -> text(name, PyText::caseFold);
      case "capitalize" -> text(name, PyText::capitalize);
      case "title" -> text(name, PyText::title);
      case "swapcase" -> text(name, StringMethods::swapCase);
      case "strip" -> strip(name, true, true);
      case "lstrip" -> strip(name, true, false);
      case "rstrip" -> strip(name, false, true);
      case "split" -> split(name, false);
      case "rsplit" -> split(name, true);
      case "splitlines" -> StringMethods::splitLines;
      case "partition" -> partition(name, false);
      case "rpartition" -> partition(name, true);
      case "join" -> StringMethods::join;
      case "replace" -> StringMethods::replace;
      case "startswith" -> affix(name, true);
      case "endswith" -> affix(name, false);
      case "removeprefix" -> remove(name, true);
      case "removesuffix" -> remove(name, false);
      case "find", "index", "rfind", "rindex" -> StringSearch.find(name);
      case "count" -> StringSearch::count;
      case "center" -> pad(name, 'c');
      case "ljust" -> pad(name, '<');
      case "rjust" -> pad(name, '>');
      case "zfill" -> StringMethods::zeroFill;
      case "expandtabs" -> StringMethods::expandTabs;
      case "format" -> StringMethods::format;
      case "format_map" -> StringMethods::formatMap;
      default -> StringClasses.get(name);
    };
  }

  private static FunctionValue.Body text(String name, UnaryOperator<String> operation) {
    return (engine, arguments) -> {
      String text = arguments.bind(name, "self").text(0);
      engine.budget().work(text.length() / 2);
      return engine.budget().string(operation.apply(text));
    };
  }

  /** Returns the result of a method; an unchanged string is not counted again. */
  private static Value changed(Engine engine, String before, String after) {
    return after.length() == before.length()
        ? new StringValue(before)
        : engine.budget().string(after);
  }

  private static String swapCase(String text) {
    StringBuilder out = new StringBuilder();
    text.codePoints()
        .forEach(
            c -> {
              String one = Character.toString(c);
              out.append(
                  Character.isUpperCase(c)
                      ? PyText.lower(one)
                      : Character.isLowerCase(c) ? PyText.upper(one) : one);
            });
    return out.toString();
  }

  private static FunctionValue.Body strip(String name, boolean left, boolean right) {
    return (engine, arguments) -> {
      Bound bound = arguments.bind(name, "self chars?");
      String text = bound.text(0);
      engine.budget().scan(text.length());
      String characters = bound.some(1) ? bound.text(1) : null;
      engine.budget().work(characters == null ? 0 : characters.length());
      return changed(engine, text, PyText.strip(text, characters, left, right));
    };
  }

  static Value strings(Engine engine, List<String> texts) {
    List<Value> values = new ArrayList<>(texts.size());
    texts.forEach(text -> values.add(new StringValue(text)));
    return engine.budget().list(values);
  }

  private static FunctionValue.Body split(String name, boolean last) {
    return (engine, arguments) -> {
      Bound bound = arguments.bind(name, "self sep? maxsplit?");
      long max = bound.number(2, -1);
      return strings(
          engine,
          bound.some(1)
              ? PyText.split(engine.budget(), bound.text(0), bound.text(1), max, last)
              : PyText.words(engine.budget(), bound.text(0), max, last));
    };
  }

  private static Value splitLines(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("splitlines", "self keepends?");
    return strings(engine, PyText.lines(engine.budget(), bound.text(0), bound.flag(1, false)));
  }

  private static FunctionValue.Body partition(String name, boolean last) {
    return (engine, arguments) -> {
      Bound bound = arguments.bind(name, "self sep");
      List<String> parts = PyText.split(engine.budget(), bound.text(0), bound.text(1), 1, last);
      List<Value> values = new ArrayList<>();
      if (parts.size() == 2) {
        values.add(new StringValue(parts.get(0)));
        values.add(new StringValue(bound.text(1)));
        values.add(new StringValue(parts.get(1)));
      } else {
        values.addAll(List.of(StringValue.EMPTY, StringValue.EMPTY));
        values.add(last ? 2 : 0, new StringValue(parts.get(0)));
      }
      return engine.budget().tuple(values);
    };
  }

  private static Value join(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("join", "self iterable");
    List<String> parts = new ArrayList<>();
    Iterator<Value> items = Iteration.of(engine.budget(), bound.get(1));
    while (items.hasNext()) {
      Value item = items.next();
      if (!(item instanceof StringValue text)) {
        throw Fault.error(
            "sequence item %d: expected str instance, %s found", parts.size(), item.type());
      }
      engine.budget().grow(parts.size());
      parts.add(text.text());
    }
    return PyText.join(engine.budget(), bound.text(0), parts);
  }

  private static Value replace(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("replace", "self old new count?");
    String text = bound.text(0);
    String result =
        PyText.replace(engine.budget(), text, bound.text(1), bound.text(2), bound.number(3, -1));
    return result.equals(text) ? new StringValue(text) : engine.budget().string(result);
  }

  private static FunctionValue.Body affix(String name, boolean prefix) {
    return (engine, arguments) -> {
      Bound bound = arguments.bind(name, "self affix start? end?");
      String text = StringSearch.window(engine.budget(), bound);
      if (text == null) {
        return BoolValue.FALSE;
      }
      BiFunction<String, String, Boolean> test =
          prefix ? (t, affix) -> t.startsWith(affix) : (t, affix) -> t.endsWith(affix);
      if (bound.get(1) instanceof TupleValue several) {
        boolean found = false;
        for (Value one : several.items()) {
          engine.budget().work(1);
          if (!(one instanceof StringValue affix)) {
            throw Fault.error("tuple for %s must only contain str, not %s", name, one.type());
          }
          engine.budget().scan(affix.text().length());
          found |= test.apply(text, affix.text());
        }
        return BoolValue.of(found);
      }
      if (!(bound.get(1) instanceof StringValue affix)) {
        throw Fault.error(
            "%s first arg must be str or a tuple of str, not %s", name, bound.get(1).type());
      }
      engine.budget().scan(affix.text().length());
      return BoolValue.of(test.apply(text, affix.text()));
    };
  }

  private static FunctionValue.Body remove(String name, boolean prefix) {
    return (engine, arguments) -> {
      Bound bound = arguments.bind(name, "self affix");
      String text = bound.text(0);
      String affix = bound.text(1);
      engine.budget().scan(affix.length());
      String result = text;
      if (prefix && text.startsWith(affix)) {
        result = text.substring(affix.length());
      } else if (!prefix && text.endsWith(affix)) {
        result = text.substring(0, text.length() - affix.length());
      }
      return changed(engine, text, result);
    };
  }

  private static FunctionValue.Body pad(String name, char align) {
    return (engine, arguments) -> {
      Bound bound = arguments.bind(name, "self width fillchar?");
      String fill = bound.text(2, " ");
      if (fill.codePointCount(0, fill.length()) != 1) {
        throw Fault.error("The fill character must be exactly one character long");
      }
      return new StringValue(
          PyText.pad(engine.budget(), bound.text(0), bound.number(1), fill.codePointAt(0), align));
    };
  }

  private static Value zeroFill(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("zfill", "self width");
    String text = bound.text(0);
    boolean signed = !text.isEmpty() && "+-".indexOf(text.charAt(0)) >= 0;
    int sign = signed ? 1 : 0;
    long width = Math.max(sign, bound.number(1)) - sign;
    String digits = PyText.pad(engine.budget(), text.substring(sign), width, '0', '>');
    return new StringValue(text.substring(0, sign) + digits);
  }

  private static Value expandTabs(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("expandtabs", "self tabsize?");
    long size = bound.number(1, 8);
    StringBuilder out = new StringBuilder();
    long column = 0;
    String text = bound.text(0);
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (c == '\t') {
        long blanks = size > 0 ? size - column % size : 0;
        engine.budget().reserve(blanks);
        out.append(" ".repeat((int) blanks));
        column += blanks;
      } else {
        out.append(c);
        column = c == '\n' || c == '\r' ? 0 : column + 1;
      }
      engine.budget().grow(out);
    }
    return engine.budget().string(out.toString());
  }

  private static Value format(Engine engine, Arguments arguments) {
    String format = Arguments.of(arguments.positional().get(0)).bind("format", "self").text(0);
    return StringFormat.format(engine, format, arguments.from(1));
  }

  private static Value formatMap(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("format_map", "self mapping");
    Map<String, Value> named = new LinkedHashMap<>();
    if (!(bound.get(1) instanceof DictValue mapping)) {
      throw Fault.error("format_map() needs a dict, got '%s'", bound.get(1).type());
    }
    for (DictValue.Entry entry : mapping.entries()) {
      if (entry.key() instanceof StringValue key) {
        named.put(key.text(), entry.value());
      }
    }
    return StringFormat.format(engine, bound.text(0), new Arguments(List.of(), named));
  }
}
