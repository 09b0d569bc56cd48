package io.calm.jinja;

import io.calm.jinja.Arguments.Bound;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Filters for HTML. */
final class HtmlFilters {
  private HtmlFilters() {}

  static void register(Map<String, FunctionValue.Body> filters) {
    filters.put("e", HtmlFilters::escape);
    filters.put("escape", HtmlFilters::escape);
    filters.put("forceescape", HtmlFilters::forceEscape);
    filters.put("safe", HtmlFilters::safe);
    filters.put("striptags", HtmlFilters::stripTags);
    filters.put("xmlattr", HtmlFilters::xmlAttributes);
  }

  /** MarkupSafe's escapes. */
  static String escape(Budget budget, String text) {
    budget.scan(text.length());
    StringBuilder out = new StringBuilder();
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '&' -> out.append("&amp;");
        case '<' -> out.append("&lt;");
        case '>' -> out.append("&gt;");
        case '"' -> out.append("&#34;");
        case '\'' -> out.append("&#39;");
        default -> out.append(c);
      }
    }
    budget.reserve(out.length());
    return out.toString();
  }

  private static Value escape(Engine engine, Arguments arguments) {
    Value value = arguments.bind("escape", "s").get(0);
    return value instanceof StringValue string && string.markup()
        ? value
        : new StringValue(escape(engine.budget(), engine.text(value)), true);
  }

  private static Value forceEscape(Engine engine, Arguments arguments) {
    Value value = arguments.bind("forceescape", "value").get(0);
    return new StringValue(escape(engine.budget(), engine.text(value)), true);
  }

  private static Value safe(Engine engine, Arguments arguments) {
    return new StringValue(engine.text(arguments.bind("safe", "value").get(0)), true);
  }

  /** Removes comments and tags, collapses white space and resolves the common entities. */
  private static Value stripTags(Engine engine, Arguments arguments) {
    String text = engine.text(arguments.bind("striptags", "value").get(0));
    Budget budget = engine.budget();
    String plain = without(budget, without(budget, text, "<!--", "-->"), "<", ">");
    List<String> words = PyText.words(budget, plain, -1, false);
    String joined = PyText.join(budget, " ", words).text();
    for (String[] entity :
        new String[][] {
          {"&lt;", "<"},
          {"&gt;", ">"},
          {"&#34;", "\""},
          {"&quot;", "\""},
          {"&#39;", "'"},
          {"&nbsp;", "\u00a0"},
          {"&amp;", "&"}
        }) {
      joined = PyText.replace(budget, joined, entity[0], entity[1], -1);
    }
    return budget.string(joined);
  }

  private static String without(Budget budget, String text, String open, String close) {
    StringBuilder out = new StringBuilder();
    int at = 0;
    int start = TextSearch.find(budget, text, open, 0);
    while (start >= 0) {
      int end = TextSearch.find(budget, text, close, start);
      if (end < 0) {
        break;
      }
      out.append(text, at, start);
      at = end + close.length();
      start = TextSearch.find(budget, text, open, at);
    }
    return budget.string(out.append(text, at, text.length()).toString()).text();
  }

  private static Value xmlAttributes(Engine engine, Arguments arguments) {
    Bound bound = arguments.bind("xmlattr", "d autospace?");
    if (!(bound.get(0) instanceof DictValue dict)) {
      throw Fault.error("xmlattr needs a dict, got '%s'", bound.get(0).type());
    }
    List<String> parts = new ArrayList<>();
    for (DictValue.Entry entry : dict.entries()) {
      Value value = entry.value();
      if (value == NoneValue.NONE || value instanceof UndefinedValue) {
        continue;
      }
      if (!(entry.key() instanceof StringValue name)) {
        throw Fault.error("xmlattr needs strings as keys, got '%s'", entry.key().type());
      }
      String key = name.text();
      if (key.chars().anyMatch(c -> " \t\n\r\f\013/>=".indexOf(c) >= 0)) {
        throw Fault.error("Invalid character in attribute name: %s", Repr.quote(key));
      }
      boolean markup = value instanceof StringValue string && string.markup();
      String text = engine.text(value);
      parts.add(
          escape(engine.budget(), key)
              + "=\""
              + (markup ? text : escape(engine.budget(), text))
              + "\"");
    }
    String joined = PyText.join(engine.budget(), " ", parts).text();
    return engine.budget().string(bound.flag(1, true) && !joined.isEmpty() ? " " + joined : joined);
  }
}
