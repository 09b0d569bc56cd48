package io.calm.checkpoint.tokenizer.json;

import io.calm.checkpoint.CheckpointException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A JSON value outside the model, with its location in the file.
 *
 * @param path file and location, e.g. {@code tokenizer.json: decoder.decoders[1]}
 * @param value the value, with the types of {@link StrictJson}
 */
public record JsonNode(String path, Object value) {

  /**
   * Parses a value.
   *
   * @throws CheckpointException if it is not valid JSON
   */
  public static JsonNode parse(String path, String json) {
    return new JsonNode(path, new StrictJson(json, path).value(1));
  }

  /** Creates the exception for an invalid value. */
  CheckpointException wrong(String expected) {
    return JsonFault.at(path, expected, describe());
  }

  private String describe() {
    if (value instanceof Map<?, ?>) {
      return "an object";
    }
    if (value instanceof List<?> list) {
      return "a list of " + list.size();
    }
    return value instanceof String text ? JsonFault.quoted(text) : value.toString();
  }

  /** Returns the field with a name; empty if it is absent or null. */
  public Optional<JsonNode> optional(String name) {
    if (!(value instanceof Map<?, ?> fields)) {
      throw wrong("an object");
    }
    Object field = fields.get(name);
    return field == null || field == StrictJson.NULL
        ? Optional.empty()
        : Optional.of(new JsonNode(path + "." + name, field));
  }

  /** Returns the required field with a name. */
  public JsonNode field(String name) {
    return optional(name)
        .orElseThrow(() -> JsonFault.at(path + "." + name, "a value", "no such key or null"));
  }

  /** Returns the fields of an object. */
  List<Map.Entry<String, JsonNode>> fields() {
    if (!(value instanceof Map<?, ?> map)) {
      throw wrong("an object");
    }
    List<Map.Entry<String, JsonNode>> fields = new ArrayList<>(map.size());
    map.forEach(
        (name, field) ->
            fields.add(
                Map.entry(
                    String.valueOf(name),
                    new JsonNode(path + "[" + JsonFault.quoted(name) + "]", field))));
    return fields;
  }

  /** Returns the elements of a list of at most {@code limit}. */
  public List<JsonNode> elements(int limit) {
    if (!(value instanceof List<?> list)) {
      throw wrong("a list");
    }
    if (list.size() > limit) {
      throw wrong("a list of at most " + limit);
    }
    List<JsonNode> elements = new ArrayList<>(list.size());
    for (int i = 0; i < list.size(); i++) {
      elements.add(new JsonNode(path + "[" + i + "]", list.get(i)));
    }
    return elements;
  }

  boolean flag() {
    if (value instanceof Boolean flag) {
      return flag;
    }
    throw wrong("true or false");
  }

  /** Returns a string of at most {@code limit} UTF-16 units. */
  public String text(int limit) {
    if (!(value instanceof String text)) {
      throw wrong("a string");
    }
    if (text.length() > limit) {
      throw JsonFault.at(
          path, "a string of at most " + limit + " characters", text.length() + " characters");
    }
    return text;
  }

  /** Returns a string of exactly one character. */
  String character() {
    String text = text(TokenizerLimits.NAME_LENGTH);
    if (text.codePointCount(0, text.length()) != 1) {
      throw wrong("one character");
    }
    return text;
  }

  /** Returns a string, which must be one of the given words. */
  String word(List<String> words) {
    if (value instanceof String text && words.contains(text)) {
      return text;
    }
    throw wrong("one of " + String.join(", ", words));
  }

  /** Returns an integer from {@code min} to {@code max}, written without fraction or exponent. */
  public int integer(int min, int max) {
    int number = value instanceof StrictJson.Numeral n ? whole(n) : -1;
    if (number < min || number > max) {
      throw wrong("a whole number from " + min + " to " + max);
    }
    return number;
  }

  /** Returns a token id. */
  int id() {
    return integer(0, TokenizerLimits.IDS - 1);
  }

  /** Returns the value of a number of up to nine digits; -1 for any other number. */
  static int whole(StrictJson.Numeral number) {
    String text = number.text();
    if (text.length() > 9 || text.chars().anyMatch(c -> c < '0' || c > '9')) {
      return -1;
    }
    return Integer.parseInt(text);
  }
}
