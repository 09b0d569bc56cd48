package io.calm.jinja;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** JSON as the values of a rendering, with Python's types: {@code 1} and {@code 1.0} differ. */
final class JsonVariables {
  private static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();

  private JsonVariables() {}

  static Map<String, Object> of(JsonObject json) {
    Map<String, Object> map = new LinkedHashMap<>();
    json.entrySet().forEach(entry -> map.put(entry.getKey(), value(entry.getValue())));
    return map;
  }

  /** Returns a string as a JSON literal. */
  static String quoted(String text) {
    return GSON.toJson(text);
  }

  private static @Nullable Object value(JsonElement element) {
    if (element.isJsonNull()) {
      return null;
    }
    if (element.isJsonObject()) {
      return of(element.getAsJsonObject());
    }
    if (element.isJsonArray()) {
      List<@Nullable Object> list = new ArrayList<>();
      element.getAsJsonArray().forEach(item -> list.add(value(item)));
      return list;
    }
    JsonPrimitive primitive = element.getAsJsonPrimitive();
    if (primitive.isBoolean()) {
      return primitive.getAsBoolean();
    }
    return primitive.isString() ? primitive.getAsString() : number(primitive.getAsString());
  }

  private static Object number(String digits) {
    if (digits.chars().anyMatch(c -> c == '.' || c == 'e' || c == 'E')) {
      return Double.valueOf(digits);
    }
    BigInteger integer = new BigInteger(digits);
    return integer.bitLength() < Long.SIZE ? (Object) integer.longValue() : integer;
  }
}
