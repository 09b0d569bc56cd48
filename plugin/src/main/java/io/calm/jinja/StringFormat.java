package io.calm.jinja;

/** Python's {@code str.format}, with the sandbox's access to attributes and items. */
final class StringFormat {
  private final Engine engine;
  private final Arguments arguments;
  private int automatic;
  private boolean manual;

  private StringFormat(Engine engine, Arguments arguments) {
    this.engine = engine;
    this.arguments = arguments;
  }

  static Value format(Engine engine, String format, Arguments arguments) {
    String text = new StringFormat(engine, arguments).format(format, 2);
    return engine.budget().string(text);
  }

  private String format(String format, int depth) {
    if (depth < 0) {
      throw Fault.error("Max string recursion exceeded");
    }
    Budget budget = engine.budget();
    StringBuilder out = new StringBuilder();
    int at = 0;
    while (at < format.length()) {
      char c = format.charAt(at);
      boolean doubled = at + 1 < format.length() && format.charAt(at + 1) == c;
      if ((c == '{' || c == '}') && doubled) {
        out.append(c);
        at += 2;
      } else if (c == '}') {
        throw Fault.error("Single '}' encountered in format string");
      } else if (c == '{') {
        int close = close(format, at + 1);
        out.append(field(format.substring(at + 1, close), depth));
        at = close + 1;
        budget.work(1);
        budget.grow(out);
      } else {
        out.append(c);
        at++;
      }
    }
    budget.scan(format.length());
    return out.toString();
  }

  private static int close(String format, int from) {
    int open = 1;
    for (int i = from; i < format.length(); i++) {
      if (format.charAt(i) == '{') {
        open++;
      } else if (format.charAt(i) == '}' && --open == 0) {
        return i;
      }
    }
    throw Fault.error(
        from == format.length()
            ? "Single '{' encountered in format string"
            : "expected '}' before end of string");
  }

  private String field(String field, int depth) {
    int colon = end(field, ':');
    int bang = end(field.substring(0, colon), '!');
    Value value = value(field.substring(0, bang));
    if (bang < colon) {
      value = convert(value, field.substring(bang + 1, colon));
    }
    String spec = colon < field.length() ? format(field.substring(colon + 1), depth - 1) : "";
    return FormatSpec.format(engine.budget(), value, spec);
  }

  /** Returns the end of a field's name; marks inside brackets do not count. */
  private static int end(String field, char mark) {
    boolean bracket = false;
    for (int i = 0; i < field.length(); i++) {
      char c = field.charAt(i);
      if (c == '[') {
        bracket = true;
      } else if (c == ']') {
        bracket = false;
      } else if (c == mark && !bracket) {
        return i;
      }
    }
    return field.length();
  }

  private Value convert(Value value, String conversion) {
    Budget budget = engine.budget();
    return switch (conversion) {
      case "s" -> new StringValue(Repr.text(budget, value));
      case "r" -> budget.string(Repr.repr(budget, value));
      case "a" -> budget.string(PercentFormat.ascii(Repr.repr(budget, value)));
      default -> throw Fault.error("Unknown conversion specifier %s", Repr.quote(conversion));
    };
  }

  private Value value(String name) {
    int end = 0;
    while (end < name.length() && name.charAt(end) != '.' && name.charAt(end) != '[') {
      end++;
    }
    Value value = first(name.substring(0, end));
    while (end < name.length()) {
      engine.budget().work(1);
      int start = end + 1;
      if (name.charAt(end) == '[') {
        end = name.indexOf(']', start);
        if (end < 0) {
          throw Fault.error("Missing ']' in format string");
        }
        String key = name.substring(start, end++);
        value = Attributes.item(engine, value, isNumber(key) ? index(key) : new StringValue(key));
      } else {
        end = start;
        while (end < name.length() && name.charAt(end) != '.' && name.charAt(end) != '[') {
          end++;
        }
        value = Attributes.attribute(engine, value, name.substring(start, end));
      }
    }
    return value;
  }

  private Value first(String name) {
    if (name.isEmpty() || isNumber(name)) {
      if (automatic > 0 && !name.isEmpty()) {
        throw Fault.error(
            "cannot switch from automatic field numbering to manual field specification");
      }
      if (manual && name.isEmpty()) {
        throw Fault.error(
            "cannot switch from manual field specification to automatic field numbering");
      }
      manual |= !name.isEmpty();
      long index = name.isEmpty() ? automatic++ : index(name).clamped();
      if (index >= arguments.positional().size()) {
        throw Fault.error("Replacement index %d out of range for positional args tuple", index);
      }
      return arguments.positional().get((int) index);
    }
    Value value = arguments.named().get(name);
    if (value == null) {
      throw Fault.error("%s", Repr.quote(name));
    }
    return value;
  }

  private static boolean isNumber(String text) {
    return !text.isEmpty()
        && text.length() < 10
        && text.chars().allMatch(c -> c >= '0' && c <= '9');
  }

  private static IntValue index(String digits) {
    return IntValue.of(Long.parseLong(digits));
  }
}
