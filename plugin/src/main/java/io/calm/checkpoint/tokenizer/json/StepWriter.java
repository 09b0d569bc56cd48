package io.calm.checkpoint.tokenizer.json;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Writes checked components; counts them, sequences inside sequences included. Not thread safe. */
final class StepWriter {
  private static final List<String> BEHAVIORS =
      List.of("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous");
  private static final String NULLABLE =
      "a pattern that never matches the empty string: the library aborts on it";

  private final StringBuilder out;
  private final List<String> expressions = new ArrayList<>();
  private int steps;
  private int depth;

  StepWriter(StringBuilder out) {
    this.out = out;
  }

  /** Returns the text, for values that have no method here. */
  StringBuilder out() {
    return out;
  }

  /** Returns the regular expressions that were written. */
  List<String> expressions() {
    return expressions;
  }

  /** Writes an object with its type; {@code fields} appends the rest. */
  void object(Node step, String type, Runnable fields) {
    if (++steps > Limits.STEPS) {
      throw step.wrong("at most " + Limits.STEPS + " steps");
    }
    out.append("{\"type\":\"").append(type).append('"');
    fields.run();
    out.append('}');
  }

  /** Writes a sequence of steps. */
  void sequence(Node step, String name, Consumer<Node> each) {
    if (++depth > Limits.STEP_DEPTH) {
      throw step.wrong("at most " + Limits.STEP_DEPTH + " sequences inside each other");
    }
    object(
        step,
        "Sequence",
        () -> {
          name(name).append('[');
          String comma = "";
          for (Node part : step.field(name).elements(Limits.STEPS)) {
            out.append(comma);
            each.accept(part);
            comma = ",";
          }
          out.append(']');
        });
    depth--;
  }

  /** Writes the name of a field that is not the first. */
  StringBuilder name(String name) {
    return JsonText.quote(out.append(','), name).append(':');
  }

  void flag(Node step, String name) {
    name(name).append(step.field(name).flag());
  }

  /** Writes a flag where the file has one. */
  void optionalFlag(Node step, String name) {
    step.optional(name).ifPresent(flag -> name(name).append(flag.flag()));
  }

  /** Writes a string and returns it. */
  String text(Node step, String name, int limit) {
    String text = step.field(name).text(limit);
    JsonText.quote(name(name), text);
    return text;
  }

  void character(Node step, String name) {
    JsonText.quote(name(name), step.field(name).character());
  }

  void integer(Node step, String name, int least, int most) {
    name(name).append(step.field(name).integer(least, most));
  }

  /** Writes how a splitter treats its delimiters; {@code Isolated} where the file does not say. */
  void behavior(Node step) {
    String behavior = step.optional("behavior").map(it -> it.word(BEHAVIORS)).orElse("Isolated");
    JsonText.quote(name("behavior"), behavior);
  }

  /**
   * Writes the pattern of a Split or Replace.
   *
   * @return characters of its shortest match
   */
  int pattern(Node step) {
    Node pattern = step.field("pattern");
    List<Map.Entry<String, Node>> fields = pattern.fields();
    if (fields.size() != 1) {
      throw pattern.wrong("an object with one of String and Regex");
    }
    String kind = fields.get(0).getKey();
    Node node = pattern.field(kind);
    int shortest;
    String text;
    switch (kind) {
      case "String" -> {
        text = node.text(Limits.NAME_LENGTH);
        shortest = text.codePointCount(0, text.length());
      }
      case "Regex" -> {
        text = node.text(Limits.REGEX_LENGTH);
        shortest = RegexCheck.check(text, node.path()).shortest();
        expressions.add(text);
      }
      default -> throw pattern.wrong("an object with one of String and Regex");
    }
    JsonText.quote(name("pattern").append("{\"").append(kind).append("\":"), text).append('}');
    return shortest;
  }

  /**
   * Writes pattern and content of a Replace.
   *
   * @return how often it may lengthen a text
   */
  int replacement(Node step) {
    int shortest = pattern(step);
    if (shortest == 0) {
      throw step.field("pattern").wrong(NULLABLE);
    }
    String content = text(step, "content", Limits.AFFIX_LENGTH);
    int length = content.codePointCount(0, content.length());
    return Math.max(1, (length + shortest - 1) / shortest);
  }

  /** Returns a step's type. */
  static String type(Node step) {
    return step.field("type").text(Limits.NAME_LENGTH);
  }

  /** Creates the exception for an unknown type. */
  static RuntimeException unknown(Node step, List<String> known) {
    List<String> sorted = new ArrayList<>(known);
    sorted.sort(String::compareTo);
    return step.field("type").wrong("one of " + String.join(", ", sorted));
  }
}
