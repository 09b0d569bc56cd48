package io.calm.jinja;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Python's {@code json.dumps}. */
final class JsonDumps {
  private final Budget budget;
  private final Options options;
  private final StringBuilder out = new StringBuilder();

  /**
   * Arguments of {@code json.dumps}.
   *
   * @param indent indentation of one level; null to write one line
   */
  record Options(
      boolean ascii,
      @Nullable String indent,
      String itemSeparator,
      String keySeparator,
      boolean sorted) {}

  private JsonDumps(Budget budget, Options options) {
    this.budget = budget;
    this.options = options;
  }

  /**
   * Writes a value.
   *
   * @throws Fault if the value or a part of it cannot be represented in JSON
   */
  static Value dumps(Budget budget, Value value, Options options) {
    JsonDumps json = new JsonDumps(budget, options);
    json.write(value, 1);
    return budget.string(json.out.toString());
  }

  private void write(Value value, int level) {
    budget.work(1);
    budget.grow(out);
    if (value instanceof StringValue string) {
      budget.reserve(string.text().length());
      quote(string.text());
    } else if (value instanceof ListValue list) {
      array(list.items(), level);
    } else if (value instanceof TupleValue tuple) {
      array(tuple.items(), level);
    } else if (value instanceof DictValue dict) {
      object(dict, level);
    } else {
      budget.digits(value);
      out.append(scalar(value));
    }
  }

  private static String scalar(Value value) {
    if (value == NoneValue.NONE) {
      return "null";
    }
    if (value instanceof BoolValue flag) {
      return flag.truth() ? "true" : "false";
    }
    if (value instanceof IntValue) {
      return value.toString();
    }
    if (value instanceof FloatValue number) {
      double plain = number.value();
      return Double.isNaN(plain)
          ? "NaN"
          : Double.isInfinite(plain)
              ? (plain < 0 ? "-Infinity" : "Infinity")
              : FloatText.repr(plain);
    }
    throw Fault.error("Object of type %s is not JSON serializable", value.type());
  }

  private void array(List<Value> items, int level) {
    if (items.isEmpty()) {
      out.append("[]");
      return;
    }
    out.append('[');
    boolean first = true;
    for (Value item : items) {
      separate(first, level);
      write(item, level + 1);
      first = false;
    }
    end(']', level);
  }

  private void object(DictValue dict, int level) {
    if (dict.size() == 0) {
      out.append("{}");
      return;
    }
    List<DictValue.Entry> entries = new ArrayList<>(dict.entries());
    if (options.sorted()) {
      entries.sort((a, b) -> Comparisons.compare(budget, a.key(), b.key(), "<"));
    }
    out.append('{');
    boolean first = true;
    for (Iterator<DictValue.Entry> all = entries.iterator(); all.hasNext(); first = false) {
      DictValue.Entry entry = all.next();
      separate(first, level);
      key(entry.key());
      out.append(options.keySeparator());
      write(entry.value(), level + 1);
    }
    end('}', level);
  }

  private void key(Value key) {
    if (key instanceof StringValue string) {
      budget.reserve(string.text().length());
      quote(string.text());
    } else if (key == NoneValue.NONE || Comparisons.isNumber(key)) {
      out.append('"').append(scalar(key)).append('"');
    } else {
      throw Fault.error("keys must be str, int, float, bool or None, not %s", key.type());
    }
  }

  private void separate(boolean first, int level) {
    if (!first) {
      out.append(options.itemSeparator());
    }
    newLine(level);
  }

  private void newLine(int level) {
    String indent = options.indent();
    if (indent != null) {
      budget.reserve((long) indent.length() * level);
      out.append('\n').append(indent.repeat(level));
    }
  }

  private void end(char bracket, int level) {
    newLine(level - 1);
    out.append(bracket);
  }

  private void quote(String text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\f' -> out.append("\\f");
        case '\b' -> out.append("\\b");
        default -> {
          if (c < 0x20 || (options.ascii() && c > 0x7e)) {
            out.append("\\u").append(Character.forDigit(c >> 12, 16));
            out.append(Character.forDigit(c >> 8 & 15, 16));
            out.append(Character.forDigit(c >> 4 & 15, 16));
            out.append(Character.forDigit(c & 15, 16));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }
}
