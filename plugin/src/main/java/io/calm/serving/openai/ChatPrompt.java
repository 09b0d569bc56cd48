package io.calm.serving.openai;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.calm.checkpoint.ChatTemplate;
import io.calm.serving.ServedModel;
import io.calm.serving.api.ApiException;
import io.calm.serving.api.JsonFields;
import io.calm.serving.api.Prompt;
import io.calm.serving.api.Prompts;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Messages through the model's own chat template. */
final class ChatPrompt {
  private ChatPrompt() {}

  static Prompt render(ServedModel model, JsonFields fields) {
    ChatTemplate template =
        model
            .chatTemplate()
            .orElseThrow(
                () ->
                    ApiException.invalid(
                        "messages",
                        "model %s has no chat template; use /v1/completions with a prompt"
                            .formatted(model.name())));
    List<Map<String, Object>> messages = messages(fields);
    String text;
    try {
      text = template.render(messages, fields.flag("add_generation_prompt", true));
    } catch (IllegalArgumentException e) {
      throw ApiException.invalid(
          "messages", "the model's chat template refuses them: " + e.getMessage());
    }
    return Prompts.encode(model, "messages", text, false);
  }

  private static List<Map<String, Object>> messages(JsonFields fields) {
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
    message.put("content", content == null ? "" : content(name + ".content", content));
    return message;
  }

  /** Returns the text of a message: a string, or the text parts of an array, line by line. */
  private static String content(String name, JsonElement content) {
    if (content.isJsonNull()) {
      return "";
    }
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

  private static Map<String, Object> plain(JsonObject object) {
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
    return primitive.isNumber() ? primitive.getAsNumber().doubleValue() : primitive.getAsString();
  }
}
