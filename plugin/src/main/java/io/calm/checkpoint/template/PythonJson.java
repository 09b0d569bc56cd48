package io.calm.checkpoint.template;

import java.math.BigDecimal;
import java.util.Collection;
import java.util.Iterator;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** JSON as Python's {@code json.dumps(ensure_ascii=False)} writes it, with its spaces. */
final class PythonJson {
  private final int indent;
  private final StringBuilder out = new StringBuilder();

  private PythonJson(int indent) {
    this.indent = indent;
  }

  /**
   * Writes a value of strings, numbers, booleans, nulls, lists and maps.
   *
   * @param indent spaces a level; one line where negative
   */
  static String write(@Nullable Object value, int indent) {
    PythonJson json = new PythonJson(indent);
    json.value(value, 0);
    return json.out.toString();
  }

  private void value(@Nullable Object value, int depth) {
    if (value instanceof Map<?, ?> map) {
      Iterator<? extends Map.Entry<?, ?>> entries = map.entrySet().iterator();
      block('{', '}', depth, entries.hasNext(), () -> entry(entries, depth + 1));
    } else if (value instanceof Collection<?> list) {
      Iterator<?> elements = list.iterator();
      block(
          '[',
          ']',
          depth,
          elements.hasNext(),
          () -> {
            value(elements.next(), depth + 1);
            return elements.hasNext();
          });
    } else if (value instanceof Double || value instanceof Float) {
      out.append(number(((Number) value).doubleValue()));
    } else if (value == null || value instanceof Number || value instanceof Boolean) {
      out.append(value);
    } else {
      string(value.toString());
    }
  }

  private boolean entry(Iterator<? extends Map.Entry<?, ?>> entries, int depth) {
    Map.Entry<?, ?> entry = entries.next();
    string(String.valueOf(entry.getKey()));
    out.append(": ");
    value(entry.getValue(), depth);
    return entries.hasNext();
  }

  /** Writes one element and says whether there are more. */
  private interface Element {
    boolean write();
  }

  private void block(char open, char close, int depth, boolean filled, Element element) {
    out.append(open);
    if (filled) {
      newLine(depth + 1);
      while (element.write()) {
        out.append(indent < 0 ? ", " : ",");
        newLine(depth + 1);
      }
      newLine(depth);
    }
    out.append(close);
  }

  private void newLine(int depth) {
    if (indent >= 0) {
      out.append('\n').append(" ".repeat(indent * depth));
    }
  }

  private void string(String text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> out.append("\\\"");
        case '\\' -> out.append("\\\\");
        case '\n' -> out.append("\\n");
        case '\r' -> out.append("\\r");
        case '\t' -> out.append("\\t");
        case '\b' -> out.append("\\b");
        case '\f' -> out.append("\\f");
        default -> {
          if (c < ' ') {
            out.append("\\u%04x".formatted((int) c));
          } else {
            out.append(c);
          }
        }
      }
    }
    out.append('"');
  }

  /** Python's repr: scientific below 1e-4 and from 1e16 on. */
  private static String number(double value) {
    if (Double.isNaN(value)) {
      return "NaN";
    }
    if (Double.isInfinite(value)) {
      return value > 0 ? "Infinity" : "-Infinity";
    }
    double magnitude = Math.abs(value);
    if (magnitude == 0 || (magnitude >= 1e-4 && magnitude < 1e16)) {
      String plain = new BigDecimal(Double.toString(value)).toPlainString();
      return value == 0 && 1 / value < 0 ? "-0.0" : plain;
    }
    String java = Double.toString(value).replace(".0E", "E");
    int e = java.indexOf('E');
    int exponent = Integer.parseInt(java, e + 1, java.length(), 10);
    return "%se%s%02d"
        .formatted(java.substring(0, e), exponent < 0 ? "-" : "+", Math.abs(exponent));
  }
}
