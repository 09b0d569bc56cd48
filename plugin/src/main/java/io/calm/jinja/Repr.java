package io.calm.jinja;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** Python's {@code str} and {@code repr}. */
final class Repr {
  private static final int BRIEF = 100;
  private static final int MAX_NAMESPACES = 20;

  private final Budget budget;
  private final StringBuilder out = new StringBuilder();
  private final boolean sorted;
  private int namespaces;

  private Repr(Budget budget, boolean sorted) {
    this.budget = budget;
    this.sorted = sorted;
  }

  /** Python's {@code str}. */
  static String text(Budget budget, Value value) {
    if (value instanceof StringValue string) {
      return string.text();
    }
    return value instanceof UndefinedValue ? "" : repr(budget, value);
  }

  /** Python's {@code repr}. */
  static String repr(Budget budget, Value value) {
    Repr repr = new Repr(budget, false);
    repr.write(value);
    return repr.out.toString();
  }

  /** Returns a repr with dictionaries sorted by their keys, if the keys are comparable. */
  static String sorted(Budget budget, Value value) {
    Repr repr = new Repr(budget, true);
    repr.write(value);
    return repr.out.toString();
  }

  /** Returns a repr for an error message, truncated to a readable length. */
  static String brief(Budget budget, Value value) {
    String text = value instanceof StringValue string ? quote(string.text()) : repr(budget, value);
    return text.length() <= BRIEF ? text : text.substring(0, BRIEF) + "...";
  }

  /** Returns a quoted string for an error message, truncated to a readable length. */
  static String quote(String text) {
    StringBuilder out = new StringBuilder();
    quote(out, text.length() <= BRIEF ? text : text.substring(0, BRIEF) + "...");
    return out.toString();
  }

  private void write(Value value) {
    budget.work(1);
    budget.grow(out);
    if (value instanceof StringValue string) {
      budget.reserve(string.text().length());
      if (string.markup()) {
        out.append("Markup(");
      }
      quote(out, string.text());
      if (string.markup()) {
        out.append(')');
      }
    } else if (value instanceof ListValue list) {
      items("[", list.items().iterator(), "]");
    } else if (value instanceof TupleValue tuple) {
      items("(", tuple.items().iterator(), tuple.items().size() == 1 ? ",)" : ")");
    } else if (value instanceof DictValue dict) {
      dict(dict);
    } else if (value instanceof ViewValue view) {
      out.append(view.type());
      items("([", Iteration.of(budget, view), "])");
    } else if (value instanceof NamespaceValue namespace) {
      namespace(namespace);
    } else {
      budget.digits(value);
      out.append(scalar(value));
    }
  }

  private static String scalar(Value value) {
    if (value instanceof BoolValue flag) {
      return flag.truth() ? "True" : "False";
    }
    if (value instanceof FloatValue number) {
      return FloatText.repr(number.value());
    }
    if (value instanceof RangeValue range) {
      String step = range.step() == 1 ? "" : ", " + range.step();
      return "range(" + range.start() + ", " + range.stop() + step + ")";
    }
    if (value instanceof IntValue) {
      return value.toString();
    }
    if (value instanceof MacroValue macro) {
      String name = macro.macro().name();
      return "<Macro " + (name == null ? "anonymous" : quote(name)) + ">";
    }
    if (value instanceof LoopValue loop) {
      return "<LoopContext %s/%s>".formatted(loop.attribute("index"), loop.attribute("length"));
    }
    if (value instanceof FunctionValue function) {
      return "<built-in function " + function.name() + ">";
    }
    return switch (value.type()) {
      case "NoneType" -> "None";
      case "Undefined" -> "Undefined";
      case "TemplateReference" -> "<TemplateReference None>";
      default -> "<" + value.type() + " object>";
    };
  }

  private void items(String open, Iterator<Value> items, String close) {
    out.append(open);
    for (String separator = ""; items.hasNext(); separator = ", ") {
      out.append(separator);
      write(items.next());
    }
    out.append(close);
  }

  private void dict(DictValue dict) {
    out.append('{');
    String separator = "";
    List<DictValue.Entry> entries = new ArrayList<>(dict.entries());
    if (sorted && entries.stream().allMatch(it -> it.key() instanceof StringValue)) {
      entries.sort((a, b) -> Comparisons.compare(budget, a.key(), b.key(), "<"));
    }
    for (DictValue.Entry entry : entries) {
      out.append(separator);
      write(entry.key());
      out.append(": ");
      write(entry.value());
      separator = ", ";
    }
    out.append('}');
  }

  /** Writes a namespace, the only kind of value that can contain itself. */
  private void namespace(NamespaceValue namespace) {
    if (++namespaces > MAX_NAMESPACES) {
      throw Fault.limit("namespaces nest deeper than " + MAX_NAMESPACES);
    }
    out.append("<Namespace {");
    String separator = "";
    for (Map.Entry<String, Value> entry : List.copyOf(namespace.attributes().entrySet())) {
      out.append(separator);
      quote(out, entry.getKey());
      out.append(": ");
      write(entry.getValue());
      separator = ", ";
    }
    out.append("}>");
    namespaces--;
  }

  private static void quote(StringBuilder out, String text) {
    char quote = text.indexOf('\'') >= 0 && text.indexOf('"') < 0 ? '"' : '\'';
    out.append(quote);
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      i += Character.charCount(c);
      switch (c) {
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\\' -> out.append("\\\\");
        default -> {
          if (c == quote) {
            out.append('\\').append(quote);
          } else if (PyText.isPrintable(c)) {
            out.appendCodePoint(c);
          } else {
            out.append((c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x").formatted(c));
          }
        }
      }
    }
    out.append(quote);
  }
}
