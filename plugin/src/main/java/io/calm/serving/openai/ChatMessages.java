package io.calm.serving.openai;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.RequestFields;
import io.calm.text.Printable;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads {@code messages}: the role, the content as a string or a list of text parts, and every
 * other key the client sent.
 */
final class ChatMessages {
  private static final String TOOL_CALLS = "tool_calls";

  private ChatMessages() {}

  /**
   * Reads the messages.
   *
   * @param max maximum number of messages; each has at least one token
   */
  static List<Map<String, Object>> read(RequestFields fields, int max) {
    JsonElement value =
        fields
            .get("messages")
            .orElseThrow(() -> ApiException.invalid("messages", "expected an array, got nothing"));
    if (!value.isJsonArray()) {
      throw RequestFields.mismatch("messages", "an array of messages", value);
    }
    JsonArray array = value.getAsJsonArray();
    if (array.isEmpty()) {
      throw ApiException.invalid("messages", "expected at least one message, got none");
    }
    if (array.size() > max) {
      throw ApiException.invalid(
          "messages",
          "expected at most %d messages, as many as this model's maximum context has tokens, got %d"
              .formatted(max, array.size()));
    }
    List<Map<String, Object>> messages = new ArrayList<>();
    for (int i = 0; i < array.size(); i++) {
      messages.add(message("messages[%d]".formatted(i), array.get(i)));
    }
    return messages;
  }

  private static Map<String, Object> message(String name, JsonElement value) {
    if (!value.isJsonObject()) {
      throw RequestFields.mismatch(name, "an object with role and content", value);
    }
    JsonObject object = value.getAsJsonObject();
    if (!object.has("role")) {
      throw ApiException.invalid(name + ".role", "expected a string, got nothing");
    }
    RequestFields.string(name + ".role", object.get("role"));
    Map<String, Object> message = plain(object);
    message.remove(TOOL_CALLS, List.of()); // templates test for the key
    JsonElement content = object.get("content");
    if (content != null && !content.isJsonNull()) {
      message.put("content", content(name + ".content", content));
    } else if (!message.containsKey(TOOL_CALLS)) {
      message.put("content", "");
    }
    return message;
  }

  /** Returns a string, or the parts of an array, all of them text. */
  private static Object content(String name, JsonElement content) {
    if (!content.isJsonArray()) {
      return RequestFields.string(name, content, "a string or an array of parts of text");
    }
    List<Map<String, Object>> parts = new ArrayList<>();
    JsonArray array = content.getAsJsonArray();
    for (int i = 0; i < array.size(); i++) {
      String part = "%s[%d]".formatted(name, i);
      JsonElement value = array.get(i);
      String text =
          value.isJsonObject()
              ? text(part, new RequestFields(value.getAsJsonObject()))
              : RequestFields.string(part, value, "a string, or an object with type and text");
      parts.add(part(text));
    }
    return parts;
  }

  /** Returns a part of text, its keys in the order of OpenAI's schema. */
  static Map<String, Object> part(String text) {
    Map<String, Object> part = new LinkedHashMap<>();
    part.put("type", "text");
    part.put("text", text);
    return part;
  }

  /** Returns the text of a part; its type determines the key. */
  private static String text(String part, RequestFields fields) {
    String type = fields.string("type").orElseGet(() -> fields.has("refusal") ? "refusal" : "text");
    String key =
        switch (type) {
          case "text", "input_text", "output_text" -> "text";
          case "refusal" -> "refusal";
          case "thinking" -> "thinking";
          case "reasoning" -> fields.has("reasoning") ? "reasoning" : "text";
          default ->
              throw ApiException.invalid(
                  part + ".type",
                  "expected a part of type text, got \"%s\"; this model reads text only"
                      .formatted(Printable.of(type)));
        };
    return RequestFields.string(
        part + "." + key,
        fields
            .get(key)
            .orElseThrow(
                () -> ApiException.invalid(part + "." + key, "expected a string, got nothing")));
  }

  /** Returns the number of characters of all contents. */
  static long length(List<Map<String, Object>> messages) {
    long length = 0;
    for (Map<String, Object> message : messages) {
      length += texts(message).stream().mapToLong(String::length).sum();
    }
    return length;
  }

  /** Returns the texts of a message's content, in order. */
  static List<String> texts(Map<String, Object> message) {
    Object content = message.getOrDefault("content", "");
    if (content instanceof String text) {
      return List.of(text);
    }
    List<String> texts = new ArrayList<>();
    if (content instanceof List<?> parts) {
      for (Object part : parts) {
        if (part instanceof Map<?, ?> map && map.get("text") instanceof String text) {
          texts.add(text);
        }
      }
    }
    return texts;
  }

  /** Returns an object as a template sees it, without its own keys that are null. */
  static Map<String, Object> plain(JsonObject object) {
    Map<String, Object> map = new LinkedHashMap<>();
    object
        .entrySet()
        .forEach(
            entry -> {
              Object value = plain(entry.getValue());
              if (value != null) {
                map.put(entry.getKey(), value);
              }
            });
    return map;
  }

  private static @Nullable Object plain(JsonElement value) {
    if (value.isJsonNull()) {
      return null;
    }
    if (value.isJsonObject()) {
      Map<String, @Nullable Object> map = new LinkedHashMap<>();
      value.getAsJsonObject().asMap().forEach((key, member) -> map.put(key, plain(member)));
      return map;
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
    return primitive.isNumber() ? number(primitive.getAsString()) : primitive.getAsString();
  }

  /** Returns an integer of any size, or a real number if the text has a fraction or exponent. */
  private static Number number(String text) {
    if (text.chars().anyMatch(c -> c == '.' || c == 'e' || c == 'E')) {
      return Double.parseDouble(text);
    }
    BigInteger integer = new BigInteger(text);
    return integer.bitLength() < Long.SIZE ? (Number) integer.longValue() : integer;
  }
}
