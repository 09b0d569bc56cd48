package io.calm.checkpoint.template;

import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Conversations of JSON test data as plain Java values. */
final class Messages {
  private Messages() {}

  static List<Map<String, Object>> of(JsonElement array) {
    List<Map<String, Object>> messages = new ArrayList<>();
    array.getAsJsonArray().forEach(message -> messages.add(map(message)));
    return messages;
  }

  @SuppressWarnings("NullAway") // JSON's nulls are the point of some of the data
  private static Map<String, Object> map(JsonElement object) {
    Map<String, Object> map = new LinkedHashMap<>();
    object.getAsJsonObject().entrySet().forEach(e -> map.put(e.getKey(), plain(e.getValue())));
    return map;
  }

  private static @Nullable Object plain(JsonElement value) {
    if (value.isJsonNull()) {
      return null;
    }
    if (value.isJsonObject()) {
      return map(value);
    }
    if (value.isJsonArray()) {
      List<@Nullable Object> list = new ArrayList<>();
      value.getAsJsonArray().forEach(element -> list.add(plain(element)));
      return list;
    }
    JsonPrimitive primitive = value.getAsJsonPrimitive();
    if (primitive.isBoolean()) {
      return primitive.getAsBoolean();
    }
    if (primitive.isNumber()) {
      boolean integer = primitive.getAsString().matches("-?[0-9]+");
      return integer ? (Object) primitive.getAsLong() : (Object) primitive.getAsDouble();
    }
    return primitive.getAsString();
  }
}
