package io.calm.serving.reply;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.calm.text.Printable;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;

/**
 * Typed access to an object of a request. A key with {@code null} counts as absent; a value of the
 * wrong type is an {@link ApiException} with the key, the expected type and the actual value.
 */
public final class RequestFields {
  /** Maximum length of a client's value in a message. */
  private static final int MAX_SHOWN = 40;

  private final JsonObject object;
  private final String path;

  public RequestFields(JsonObject object) {
    this(object, "");
  }

  private RequestFields(JsonObject object, String path) {
    this.object = object;
    this.path = path;
  }

  /** Returns the value of a key; empty if it is absent or null. */
  public Optional<JsonElement> get(String key) {
    return Optional.ofNullable(object.get(key)).filter(value -> !value.isJsonNull());
  }

  public boolean has(String key) {
    return get(key).isPresent();
  }

  /** Returns a key in the form used in messages. */
  public String name(String key) {
    return path + Printable.of(key);
  }

  public Optional<String> string(String key) {
    return get(key).map(value -> string(name(key), value));
  }

  public Optional<Boolean> flag(String key) {
    return get(key).map(value -> flag(name(key), value));
  }

  public boolean flag(String key, boolean otherwise) {
    return flag(key).orElse(otherwise);
  }

  public OptionalDouble number(String key) {
    Optional<JsonElement> value = get(key);
    return value.isEmpty()
        ? OptionalDouble.empty()
        : OptionalDouble.of(number(name(key), value.get()));
  }

  /** Returns a whole number within bounds, both inclusive. */
  public OptionalInt integer(String key, int min, int max) {
    Optional<JsonElement> value = get(key);
    if (value.isEmpty()) {
      return OptionalInt.empty();
    }
    String bounds = "%d to %d".formatted(min, max);
    long number = wholeNumber(name(key), value.get(), "a whole number from " + bounds);
    if (number < min || number > max) {
      throw ApiException.invalid(name(key), "expected %s, got %d".formatted(bounds, number));
    }
    return OptionalInt.of((int) number);
  }

  /** Returns a whole number of 64 bits. */
  public OptionalLong wholeNumber(String key) {
    Optional<JsonElement> value = get(key);
    return value.isEmpty()
        ? OptionalLong.empty()
        : OptionalLong.of(wholeNumber(name(key), value.get()));
  }

  /** Returns an array of strings; a string alone is an array of one. */
  public List<String> strings(String key) {
    Optional<JsonElement> value = get(key);
    if (value.isEmpty()) {
      return List.of();
    }
    if (!value.get().isJsonArray()) {
      return List.of(string(name(key), value.get(), "a string or an array of strings"));
    }
    List<String> strings = new ArrayList<>();
    JsonArray array = value.get().getAsJsonArray();
    for (int i = 0; i < array.size(); i++) {
      strings.add(string("%s[%d]".formatted(name(key), i), array.get(i)));
    }
    return strings;
  }

  public Optional<RequestFields> object(String key) {
    return get(key)
        .map(
            value -> {
              if (!value.isJsonObject()) {
                throw mismatch(name(key), "an object", value);
              }
              return new RequestFields(value.getAsJsonObject(), name(key) + ".");
            });
  }

  /** Returns the object itself. */
  public JsonObject json() {
    return object;
  }

  public List<String> keys() {
    return List.copyOf(object.keySet());
  }

  /** Returns {@code value} as a string. */
  public static String string(String name, JsonElement value) {
    return string(name, value, "a string");
  }

  /**
   * Returns {@code value} as a string.
   *
   * @param expected the expected value, for the error message
   */
  public static String string(String name, JsonElement value, String expected) {
    if (!(value instanceof JsonPrimitive primitive && primitive.isString())) {
      throw mismatch(name, expected, value);
    }
    return value.getAsString();
  }

  private static boolean flag(String name, JsonElement value) {
    if (!(value instanceof JsonPrimitive primitive && primitive.isBoolean())) {
      throw mismatch(name, "true or false", value);
    }
    return value.getAsBoolean();
  }

  private static double number(String name, JsonElement value) {
    if (!(value instanceof JsonPrimitive primitive && primitive.isNumber())) {
      throw mismatch(name, "a number", value);
    }
    double number = value.getAsDouble();
    if (!Double.isFinite(number)) {
      throw mismatch(name, "a number that a double holds", value);
    }
    return number;
  }

  /** Returns {@code value} as a whole number of 64 bits; 3.0 and 3e0 are whole too. */
  public static long wholeNumber(String name, JsonElement value) {
    return wholeNumber(
        name, value, "a whole number from %d to %d".formatted(Long.MIN_VALUE, Long.MAX_VALUE));
  }

  private static long wholeNumber(String name, JsonElement value, String expected) {
    if (!(value instanceof JsonPrimitive primitive && primitive.isNumber())) {
      throw mismatch(name, "a whole number", value);
    }
    try {
      return Long.parseLong(value.getAsString());
    } catch (NumberFormatException e) {
      double number = value.getAsDouble();
      if (number != Math.rint(number) || Math.abs(number) > 1L << 53) {
        throw mismatch(name, expected, value);
      }
      return (long) number;
    }
  }

  /** Returns the error of a value that has the wrong type. */
  public static ApiException mismatch(String name, String expected, JsonElement got) {
    return ApiException.invalid(name, "expected %s, got %s".formatted(expected, describe(got)));
  }

  /** Returns a value's type, and the value if it is short. */
  public static String describe(JsonElement value) {
    if (value.isJsonObject()) {
      return "an object";
    }
    if (value.isJsonArray() || value instanceof TokenArray) {
      return "an array";
    }
    if (value.isJsonNull()) {
      return "null";
    }
    JsonPrimitive primitive = value.getAsJsonPrimitive();
    if (primitive.isString()) {
      return "the string \"%s\"".formatted(shown(primitive.getAsString()));
    }
    String text = primitive.getAsString();
    return primitive.isBoolean() ? text : "the number " + shown(text);
  }

  private static String shown(String text) {
    return Printable.of(
        text.length() <= MAX_SHOWN ? text : text.substring(0, MAX_SHOWN - 3) + "...");
  }
}
