package io.calm.checkpoint.hf;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.storage.ForeignFiles;
import io.calm.checkpoint.storage.JsonErrors;
import io.calm.text.Printable;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/** A JSON object of a file, its fields by type; a null counts as absent. */
final class JsonFields {
  private final String where;
  private final JsonObject object;

  private JsonFields(String where, JsonObject object) {
    this.where = where;
    this.object = object;
  }

  /**
   * Reads a file.
   *
   * @throws CheckpointException if it is missing or holds no JSON object
   */
  static JsonFields read(Path path) {
    ForeignFiles.requireNone(path);
    try (Reader reader = Files.newBufferedReader(path, StandardCharsets.UTF_8)) {
      JsonElement element = JsonParser.parseReader(reader);
      if (element.isJsonObject()) {
        return new JsonFields(path.toString(), element.getAsJsonObject());
      }
      throw CheckpointException.refused(
          path.toString(), "a JSON object", kind(element), "download the file again");
    } catch (IOException | JsonParseException e) {
      throw CheckpointException.refused(
          path.toString(), "a JSON object", JsonErrors.describe(e), "download the file again", e);
    }
  }

  /** Reads a file; an empty object where there is none. */
  static JsonFields readIfPresent(Path path) {
    return Files.exists(path) ? read(path) : new JsonFields(path.toString(), new JsonObject());
  }

  private static String kind(JsonElement element) {
    return Printable.of(element);
  }

  String where(String key) {
    return "%s: key %s".formatted(where, Printable.of(key));
  }

  /** Returns whether the key is there, be it with null. */
  boolean has(String key) {
    return object.has(key);
  }

  /** Returns whether the key holds an object. */
  boolean isObject(String key) {
    return value(key).map(JsonElement::isJsonObject).orElse(false);
  }

  List<String> keys() {
    return List.copyOf(object.keySet());
  }

  private Optional<JsonElement> value(String key) {
    JsonElement element = object.get(key);
    return element == null || element.isJsonNull() ? Optional.empty() : Optional.of(element);
  }

  CheckpointException wrong(String key, String expected, Object got) {
    return CheckpointException.refused(
        where(key), expected, got, "this model is not supported, or the file is damaged");
  }

  private Optional<JsonPrimitive> primitive(String key, String expected) {
    return value(key)
        .map(
            element -> {
              if (element instanceof JsonPrimitive primitive) {
                return primitive;
              }
              throw wrong(key, expected, kind(element));
            });
  }

  Optional<String> text(String key) {
    return primitive(key, "text")
        .map(
            primitive -> {
              if (primitive.isString()) {
                return primitive.getAsString();
              }
              throw wrong(key, "text", primitive);
            });
  }

  Optional<Boolean> flag(String key) {
    return primitive(key, "true or false")
        .map(
            primitive -> {
              if (primitive.isBoolean()) {
                return primitive.getAsBoolean();
              }
              throw wrong(key, "true or false", primitive);
            });
  }

  OptionalDouble number(String key) {
    Optional<JsonPrimitive> primitive = primitive(key, "a number");
    return primitive.isEmpty()
        ? OptionalDouble.empty()
        : OptionalDouble.of(finite(key, primitive.get()));
  }

  private double finite(String key, JsonElement element) {
    if (element instanceof JsonPrimitive primitive && primitive.isNumber()) {
      double number = primitive.getAsDouble();
      if (Double.isFinite(number)) {
        return number;
      }
    }
    throw wrong(key, "a finite number", kind(element));
  }

  private int whole(String key, JsonElement element) {
    double number = finite(key, element);
    if (number != Math.rint(number) || number < 0 || number > Integer.MAX_VALUE) {
      throw wrong(key, "a whole number of 0 to 2^31 - 1", kind(element));
    }
    return (int) number;
  }

  OptionalInt integer(String key) {
    Optional<JsonElement> element = value(key);
    return element.isEmpty() ? OptionalInt.empty() : OptionalInt.of(whole(key, element.get()));
  }

  int requiredInteger(String key) {
    return integer(key)
        .orElseThrow(
            () ->
                CheckpointException.refused(
                    where(key),
                    "a whole number",
                    "nothing",
                    "the model's configuration is incomplete"));
  }

  /** Reads an int or an array of ints; empty where there is none. */
  List<Integer> integers(String key) {
    Optional<JsonElement> element = value(key);
    List<Integer> integers = new ArrayList<>();
    if (element.isPresent() && element.get().isJsonArray()) {
      element.get().getAsJsonArray().forEach(item -> integers.add(whole(key, item)));
    } else {
      element.ifPresent(single -> integers.add(whole(key, single)));
    }
    return integers;
  }

  /** Reads an array of texts; empty where there is none. */
  Optional<List<String>> texts(String key) {
    return value(key)
        .map(
            element -> {
              if (!element.isJsonArray()) {
                throw wrong(key, "an array", kind(element));
              }
              List<String> texts = new ArrayList<>();
              for (JsonElement item : element.getAsJsonArray()) {
                if (!(item instanceof JsonPrimitive primitive) || !primitive.isString()) {
                  throw wrong(key, "an array of texts", kind(element));
                }
                texts.add(primitive.getAsString());
              }
              return texts;
            });
  }

  Optional<JsonFields> object(String key) {
    return value(key)
        .map(
            element -> {
              if (element.isJsonObject()) {
                return new JsonFields(where + ": " + key, element.getAsJsonObject());
              }
              throw wrong(key, "an object", kind(element));
            });
  }
}
