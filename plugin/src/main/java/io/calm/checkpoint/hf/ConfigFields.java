package io.calm.checkpoint.hf;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.storage.ForeignFiles;
import io.calm.checkpoint.storage.JsonFiles;
import io.calm.text.Printable;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/** A typed view of a JSON object from a configuration file. Null fields count as absent. */
final class ConfigFields {
  private final String where;
  private final JsonObject object;

  private ConfigFields(String where, JsonObject object) {
    this.where = where;
    this.object = object;
  }

  /**
   * Reads the object of a file.
   *
   * @throws CheckpointException if the file is missing, too large, or not a JSON object
   */
  static ConfigFields read(Path path) {
    ForeignFiles.requireNone(path);
    return new ConfigFields(path.toString(), JsonFiles.object(path));
  }

  /** Reads the object of a file; an empty object if the file does not exist. */
  static ConfigFields readIfPresent(Path path) {
    return Files.exists(path) ? read(path) : new ConfigFields(path.toString(), new JsonObject());
  }

  private static String kind(JsonElement element) {
    return Printable.of(element);
  }

  String where(String key) {
    return "%s: key %s".formatted(where, Printable.of(key));
  }

  /** Returns whether the key is present, even with a null value. */
  boolean has(String key) {
    return object.has(key);
  }

  /** Returns whether the value of the key is an object. */
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
    return primitive(key, "a string")
        .map(
            primitive -> {
              if (primitive.isString()) {
                return primitive.getAsString();
              }
              throw wrong(key, "a string", primitive);
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

  private int whole(String key, JsonElement element, int min) {
    double number = finite(key, element);
    if (number != Math.rint(number) || number < min || number > Integer.MAX_VALUE) {
      throw wrong(key, "a whole number from %d to 2147483647".formatted(min), kind(element));
    }
    return (int) number;
  }

  OptionalInt integer(String key) {
    return integer(key, 0);
  }

  /** Reads a whole number that is at least {@code min}. */
  OptionalInt integer(String key, int min) {
    Optional<JsonElement> element = value(key);
    return element.isEmpty() ? OptionalInt.empty() : OptionalInt.of(whole(key, element.get(), min));
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

  /** Reads a token id; empty if the key is absent or the id is outside the vocabulary. */
  OptionalInt tokenId(String key, int vocabulary) {
    return value(key).stream()
        .mapToInt(element -> whole(key, element, Integer.MIN_VALUE))
        .filter(id -> id >= 0 && id < vocabulary)
        .findFirst();
  }

  /** Reads one token id or an array of them, without those that are outside the vocabulary. */
  List<Integer> tokenIds(String key, int vocabulary) {
    Optional<JsonElement> element = value(key);
    List<JsonElement> items = new ArrayList<>();
    if (element.isPresent() && element.get().isJsonArray()) {
      element.get().getAsJsonArray().forEach(items::add);
    } else {
      element.ifPresent(items::add);
    }
    return items.stream()
        .map(item -> whole(key, item, Integer.MIN_VALUE))
        .filter(id -> id >= 0 && id < vocabulary)
        .toList();
  }

  /** Reads an array of strings; empty if the key is absent. */
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
                  throw wrong(key, "an array of strings", kind(element));
                }
                texts.add(primitive.getAsString());
              }
              return texts;
            });
  }

  Optional<ConfigFields> object(String key) {
    return value(key)
        .map(
            element -> {
              if (element.isJsonObject()) {
                return new ConfigFields(where + ": " + key, element.getAsJsonObject());
              }
              throw wrong(key, "an object", kind(element));
            });
  }
}
