package io.calm.serving.openai;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.calm.serving.api.ApiException;
import io.calm.serving.api.JsonFields;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Reads {@code messages}: role, content as text, and what else the client sent. */
final class ChatMessages {
  private ChatMessages() {}

  static List<Map<String, Object>> read(JsonFields fields) {
    JsonElement value =
        fields
            .get("messages")
            .orElseThrow(() -> ApiException.invalid("messages", "expected an array, got nothing"));
    if (!value.isJsonArray()) {
      throw JsonFields.mismatch("messages", "an array of messages", value);
    }
    JsonArray array = value.getAsJsonArray();
    if (array.isEmpty()) {
      throw ApiException.invalid("messages", "expected at least one message, got none");
    }
    List<Map<String, Object>> messages = new ArrayList<>();
    for (int i = 0; i < array.size(); i++) {
      messages.add(message("messages[%d]".formatted(i), array.get(i)));
    }
    return messages;
  }

  private static Map<String, Object> message(String name, JsonElement value) {
    if (!value.isJsonObject()) {
      throw JsonFields.mismatch(name, "an object with role and content", value);
    }
    JsonObject object = value.getAsJsonObject();
    if (!object.has("role")) {
      throw ApiException.invalid(name + ".role", "expected a string, got nothing");
    }
    JsonFields.string(name + ".role", object.get("role"));
    Map<String, Object> message = plain(object);
    JsonElement content = object.get("content");
    if (content != null && !content.isJsonNull()) {
      message.put("content", content(name + ".content", content));
    } else if (!message.containsKey("tool_calls")) {
      message.put("content", "");
    }
    return message;
  }

  /** Returns the text of a message: a string, or the text parts of an array, line by line. */
  private static String content(String name, JsonElement content) {
    if (!content.isJsonArray()) {
      return JsonFields.string(name, content);
    }
    List<String> parts = new ArrayList<>();
    JsonArray array = content.getAsJsonArray();
    for (int i = 0; i < array.size(); i++) {
      String part = "%s[%d]".formatted(name, i);
      if (!array.get(i).isJsonObject()) {
        throw JsonFields.mismatch(part, "an object with type and text", array.get(i));
      }
      JsonFields fields = new JsonFields(array.get(i).getAsJsonObject());
      String type = fields.string("type").orElse("text");
      if (!"text".equals(type)) {
        throw ApiException.invalid(
            part + ".type", "expected \"text\", got \"%s\": a text model".formatted(type));
      }
      parts.add(
          fields
              .string("text")
              .orElseThrow(
                  () -> ApiException.invalid(part + ".text", "expected a string, got nothing")));
    }
    return String.join("\n", parts);
  }

  /** Returns an object as a template sees it, without the keys that are null. */
  static Map<String, Object> plain(JsonObject object) {
    Map<String, Object> map = new LinkedHashMap<>();
    object
        .entrySet()
        .forEach(
            entry -> {
              if (!entry.getValue().isJsonNull()) {
                map.put(entry.getKey(), plain(entry.getValue()));
              }
            });
    return map;
  }

  private static Object plain(JsonElement value) {
    if (value.isJsonObject()) {
      return plain(value.getAsJsonObject());
    }
    if (value.isJsonArray()) {
      List<Object> list = new ArrayList<>();
      value.getAsJsonArray().forEach(element -> list.add(plain(element)));
      return list;
    }
    if (value.isJsonNull()) {
      return "";
    }
    JsonPrimitive primitive = value.getAsJsonPrimitive();
    if (primitive.isBoolean()) {
      return primitive.getAsBoolean();
    }
    return primitive.isNumber() ? number(primitive) : primitive.getAsString();
  }

  private static Number number(JsonPrimitive primitive) {
    try {
      return Long.parseLong(primitive.getAsString());
    } catch (NumberFormatException e) {
      return primitive.getAsDouble();
    }
  }
}
