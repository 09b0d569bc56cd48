package io.calm.jinja;

import io.calm.jinja.Arguments.Bound;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/** Filters that indent, cut and wrap text. */
final class WrapFilters {
  private WrapFilters() {}

  static void register(Map<String, FunctionValue.Body> filters) {
    filters.put("indent", WrapFilters::indent);
    filters.put("truncate", WrapFilters::truncate);
    filters.put("wordwrap", WrapFilters::wordWrap);
    filters.put("wordcount", WrapFilters::wordCount);
  }

  private static Value indent(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("indent", "s width? first? blank?");
    Budget budget = engine.budget();
    String indent;
    if (bound.get(1) instanceof StringValue text) {
      indent = text.text();
    } else {
      long width = Math.max(0, bound.number(1, 4));
      budget.reserve(width);
      indent = " ".repeat((int) width);
    }
    List<String> lines = PyText.lines(budget, text("indent", bound) + "\n", false);
    StringBuilder out = new StringBuilder(bound.flag(2, false) ? indent : "");
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i);
      if (i > 0) {
        out.append('\n').append(bound.flag(3, false) || !line.isEmpty() ? indent : "");
      }
      out.append(line);
      budget.scan(indent.length() + line.length());
      budget.grow(out);
    }
    return budget.string(out.toString());
  }

  private static String text(String filter, Bound bound) {
    if (bound.get(0) instanceof StringValue text) {
      return text.text();
    }
    throw bound.get(0) instanceof UndefinedValue undefined
        ? undefined.fault()
        : Fault.error("%s needs a string, got '%s'", filter, bound.get(0).type());
  }

  private static Value truncate(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("truncate", "s length? killwords? end? leeway?");
    Value value = bound.get(0);
    long length = bound.number(1, 255);
    String end = bound.text(3, "...");
    long ending = end.codePointCount(0, end.length());
    long leeway = bound.some(4) ? bound.number(4) : 5;
    if (length < ending || leeway < 0) {
      throw Fault.error(
          length < ending ? "expected length >= %d, got %d" : "expected leeway >= %d, got %d",
          length < ending ? ending : 0,
          length < ending ? length : leeway);
    }
    OptionalInt size = Iteration.size(value);
    if (size.isEmpty()) {
      throw Fault.error("object of type '%s' has no len()", value.type());
    }
    if (size.getAsInt() - leeway <= length) {
      return value;
    }
    if (!(value instanceof StringValue whole)) {
      throw Fault.error("truncate needs a string, got '%s'", value.type());
    }
    int cut = whole.text().offsetByCodePoints(0, (int) (length - ending));
    String kept = whole.text().substring(0, cut);
    if (!bound.flag(2, false)) {
      int blank = kept.lastIndexOf(' ');
      kept = blank < 0 ? kept : kept.substring(0, blank);
    }
    StringValue start = new StringValue(kept, whole.markup());
    return Arithmetic.binary(engine, Expr.Operator.ADD, start, bound.or(3, new StringValue(end)));
  }

  private static Value wordCount(Engine engine, Arguments arguments) {
    String text = engine.text(arguments.bind("wordcount", "s").get(0));
    engine.budget().scan(text.length());
    long count = 0;
    boolean inWord = false;
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      boolean word = c == '_' || Character.isLetterOrDigit(c);
      count += word && !inWord ? 1 : 0;
      inWord = word;
    }
    return IntValue.of(count);
  }

  private static Value wordWrap(Engine engine, Arguments arguments) {
    Bound bound =
        arguments.bind("wordwrap", "s width? break_long_words? wrapstring? break_on_hyphens?");
    long width = bound.number(1, 79);
    String text = text("wordwrap", bound);
    List<String> wrapped = new ArrayList<>();
    for (String line : PyText.lines(engine.budget(), text, false)) {
      TextWrap wrap =
          new TextWrap(engine.budget(), width, bound.flag(2, true), bound.flag(4, true));
      List<String> lines = wrap.wrap(line);
      wrapped.addAll(lines.isEmpty() ? List.of("") : lines);
    }
    String separator = bound.some(3) ? bound.text(3) : "\n";
    return PyText.join(engine.budget(), separator, wrapped);
  }
}
