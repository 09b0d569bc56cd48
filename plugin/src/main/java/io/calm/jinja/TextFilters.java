package io.calm.jinja;

import io.calm.jinja.Arguments.Bound;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

/** Filters for text, and {@code tojson} as defined by transformers. */
final class TextFilters {
  private TextFilters() {}

  static void register(Map<String, FunctionValue.Body> filters) {
    filters.put("upper", text("upper", PyText::upper));
    filters.put("lower", text("lower", PyText::lower));
    filters.put("capitalize", text("capitalize", PyText::capitalize));
    filters.put("title", text("title", TextFilters::title));
    filters.put("string", TextFilters::string);
    filters.put("trim", TextFilters::trim);
    filters.put("replace", TextFilters::replace);
    filters.put("center", TextFilters::center);
    filters.put("format", TextFilters::format);
    filters.put("join", TextFilters::join);
    filters.put("tojson", TextFilters::toJson);
    filters.put("pprint", TextFilters::pprint);
  }

  private static FunctionValue.Body text(String name, UnaryOperator<String> operation) {
    return (engine, arguments) -> {
      String text = engine.text(arguments.bind(name, "s").get(0));
      engine.budget().work(text.length() / 2);
      return engine.budget().string(operation.apply(text));
    };
  }

  /** Jinja2's own title case: words start after blanks, hyphens and opening brackets. */
  private static String title(String text) {
    StringBuilder out = new StringBuilder();
    boolean begins = true;
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      String one = Character.toString(c);
      boolean separates = PyText.isSpace(c) || "-({[<".indexOf(c) >= 0;
      out.append(separates ? one : begins ? PyText.upper(one) : PyText.lower(one));
      begins = separates;
    }
    return out.toString();
  }

  private static Value string(Engine engine, Arguments arguments) {
    Value value = arguments.bind("string", "object").get(0);
    return value instanceof StringValue ? value : engine.budget().string(engine.text(value));
  }

  private static Value trim(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("trim", "value chars?");
    String text = engine.text(bound.get(0));
    String characters = bound.some(1) ? bound.text(1) : null;
    engine.budget().scan(text.length());
    engine.budget().work(characters == null ? 0 : characters.length());
    String trimmed = PyText.strip(text, characters, true, true);
    if (trimmed.length() < text.length()) {
      engine.budget().reserve(trimmed.length());
    }
    boolean markup = bound.get(0) instanceof StringValue string && string.markup();
    return new StringValue(trimmed, markup);
  }

  private static Value replace(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("replace", "s old new count?");
    long max = bound.some(3) ? bound.number(3) : -1;
    String text = engine.text(bound.get(0));
    String old = engine.text(bound.get(1));
    String replacement = engine.text(bound.get(2));
    return engine.budget().string(PyText.replace(engine.budget(), text, old, replacement, max));
  }

  private static Value center(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("center", "value width?");
    String text = engine.text(bound.get(0));
    return new StringValue(PyText.pad(engine.budget(), text, bound.number(1, 80), ' ', 'c'));
  }

  private static Value format(Engine engine, Arguments arguments) {
    if (arguments.positional().size() > 1 && !arguments.named().isEmpty()) {
      throw Fault.error("can't handle positional and keyword arguments at the same time");
    }
    String format = engine.text(arguments.positional().get(0));
    if (arguments.named().isEmpty()) {
      Value values = engine.budget().tuple(arguments.from(1).positional());
      return PercentFormat.format(engine.budget(), format, values);
    }
    DictValue.Builder named = new DictValue.Builder(engine.budget());
    arguments.named().forEach(named::put);
    return PercentFormat.format(engine.budget(), format, named.build());
  }

  private static Value join(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("join", "value d? attribute?");
    AttributePath path = AttributePath.of(engine, bound.get(2));
    List<String> parts = new ArrayList<>();
    Iterator<Value> items = Iteration.of(engine.budget(), bound.get(0));
    while (items.hasNext()) {
      engine.budget().grow(parts.size());
      parts.add(engine.text(path.of(items.next())));
    }
    return PyText.join(engine.budget(), engine.text(bound.or(1, StringValue.EMPTY)), parts);
  }

  /** {@code tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False)}. */
  private static Value toJson(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("tojson", "x ensure_ascii? indent? separators? sort_keys?");
    String indent = null;
    if (bound.some(2)) {
      if (bound.get(2) instanceof StringValue text) {
        indent = text.text();
      } else {
        long width = Math.max(0, bound.number(2));
        engine.budget().reserve(width);
        indent = " ".repeat((int) width);
      }
    }
    String itemSeparator = indent == null ? ", " : ",";
    String keySeparator = ": ";
    if (bound.some(3)) {
      List<Value> separators = Iteration.list(engine.budget(), bound.get(3));
      if (separators.size() != 2
          || !(separators.get(0) instanceof StringValue item)
          || !(separators.get(1) instanceof StringValue key)) {
        throw Fault.error("tojson(): expected two strings as separators");
      }
      itemSeparator = item.text();
      keySeparator = key.text();
    }
    return JsonDumps.dumps(
        engine.budget(),
        bound.get(0),
        new JsonDumps.Options(
            bound.flag(1, false), indent, itemSeparator, keySeparator, bound.flag(4, false)));
  }

  /** Python's {@code pprint}, except that values longer than 80 characters are not wrapped. */
  private static Value pprint(Engine engine, Arguments arguments) {
    Value value = arguments.bind("pprint", "value").get(0);
    return engine.budget().string(Repr.sorted(engine.budget(), value));
  }
}
