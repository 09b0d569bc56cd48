package io.calm.checkpoint.tokenizer.json;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Writes validated steps and counts them, including nested sequences. Not thread safe. */
final class StepWriter {
  private static final List<String> BEHAVIORS =
      List.of("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous");
  private static final String NULLABLE =
      "a pattern that never matches the empty string, because the library aborts on it";

  private final StringBuilder out;
  private final List<String> expressions = new ArrayList<>();
  private int expressionLength;
  private int steps;
  private int depth;

  StepWriter(StringBuilder out) {
    this.out = out;
  }

  /** Returns the output, for values without a method in this class. */
  StringBuilder out() {
    return out;
  }

  /** Returns the regular expressions written so far. */
  List<String> expressions() {
    return expressions;
  }

  /** Writes an object with its type; {@code fields} appends the other fields. */
  void object(JsonNode step, String type, Runnable fields) {
    if (++steps > TokenizerLimits.STEPS) {
      throw step.wrong("at most " + TokenizerLimits.STEPS + " steps");
    }
    out.append("{\"type\":\"").append(type).append('"');
    fields.run();
    out.append('}');
  }

  /** Writes a sequence of steps. */
  void sequence(JsonNode step, String name, Consumer<JsonNode> each) {
    if (++depth > TokenizerLimits.STEP_DEPTH) {
      throw step.wrong("at most " + TokenizerLimits.STEP_DEPTH + " sequences inside each other");
    }
    object(
        step,
        "Sequence",
        () -> {
          name(name).append('[');
          String comma = "";
          for (JsonNode part : step.field(name).elements(TokenizerLimits.STEPS)) {
            out.append(comma);
            each.accept(part);
            comma = ",";
          }
          out.append(']');
        });
    depth--;
  }

  /** Writes a comma and the name of a field. */
  StringBuilder name(String name) {
    return JsonText.quote(out.append(','), name).append(':');
  }

  void flag(JsonNode step, String name) {
    name(name).append(step.field(name).flag());
  }

  /** Writes a flag if the file has it. */
  void optionalFlag(JsonNode step, String name) {
    step.optional(name).ifPresent(flag -> name(name).append(flag.flag()));
  }

  /** Writes a string and returns it. */
  String text(JsonNode step, String name, int limit) {
    String text = step.field(name).text(limit);
    JsonText.quote(name(name), text);
    return text;
  }

  void character(JsonNode step, String name) {
    JsonText.quote(name(name), step.field(name).character());
  }

  void integer(JsonNode step, String name, int min, int max) {
    name(name).append(step.field(name).integer(min, max));
  }

  /** Writes the treatment of delimiters by a splitter; {@code Isolated} by default. */
  void behavior(JsonNode step) {
    String behavior = step.optional("behavior").map(it -> it.word(BEHAVIORS)).orElse("Isolated");
    JsonText.quote(name("behavior"), behavior);
  }

  /**
   * Writes the pattern of a Split or Replace.
   *
   * @return number of characters of its shortest match
   */
  int pattern(JsonNode step) {
    JsonNode pattern = step.field("pattern");
    List<Map.Entry<String, JsonNode>> fields = pattern.fields();
    if (fields.size() != 1) {
      throw pattern.wrong("an object with one of String and Regex");
    }
    String kind = fields.get(0).getKey();
    JsonNode node = pattern.field(kind);
    int shortest;
    String text;
    switch (kind) {
      case "String" -> {
        text = node.text(TokenizerLimits.NAME_LENGTH);
        shortest = text.codePointCount(0, text.length());
      }
      case "Regex" -> {
        text = node.text(TokenizerLimits.REGEX_LENGTH);
        expressionLength += text.length();
        if (expressionLength > TokenizerLimits.REGEX_TOTAL) {
          throw node.wrong(
              "regular expressions of at most %d characters in all"
                  .formatted(TokenizerLimits.REGEX_TOTAL));
        }
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
   * @return maximum factor by which it lengthens a text
   */
  int replacement(JsonNode step) {
    int shortest = pattern(step);
    if (shortest == 0) {
      throw step.field("pattern").wrong(NULLABLE);
    }
    String content = text(step, "content", TokenizerLimits.AFFIX_LENGTH);
    int length = content.codePointCount(0, content.length());
    return Math.max(1, (length + shortest - 1) / shortest);
  }

  /** Returns a step's type. */
  static String type(JsonNode step) {
    return step.field("type").text(TokenizerLimits.NAME_LENGTH);
  }

  /** Creates the exception for an unknown type. */
  static RuntimeException unknown(JsonNode step, List<String> known) {
    List<String> sorted = new ArrayList<>(known);
    sorted.sort(String::compareTo);
    return step.field("type").wrong("one of " + String.join(", ", sorted));
  }
}
