package io.calm.checkpoint.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Messages as templates expect them: {@code content} is a string. Parts of type {@code text} are
 * joined by line feeds, as vLLM does for models of text; a missing or null content is empty, unless
 * the message calls tools, where templates look at it.
 */
final class Conversation {
  private Conversation() {}

  static List<Map<String, @Nullable Object>> normalize(List<Map<String, Object>> messages) {
    List<Map<String, @Nullable Object>> result = new ArrayList<>();
    for (int i = 0; i < messages.size(); i++) {
      Map<String, @Nullable Object> message = new LinkedHashMap<>(messages.get(i));
      Object content = message.get("content");
      if (content instanceof List<?> parts) {
        message.put("content", joined(parts, i));
      } else if (content == null && message.get("tool_calls") == null) {
        message.put("content", "");
      }
      result.add(message);
    }
    return result;
  }

  private static String joined(List<?> parts, int message) {
    List<String> texts = new ArrayList<>();
    for (Object part : parts) {
      if (part instanceof String text) {
        texts.add(text);
      } else if (part instanceof Map<?, ?> map && map.get("text") instanceof String text) {
        texts.add(text);
      } else {
        Object type = part instanceof Map<?, ?> map ? map.get("type") : part;
        throw new IllegalArgumentException(
            "messages[%d].content: expected parts of type text, got %s; this model reads text only"
                .formatted(message, type));
      }
    }
    return String.join("\n", texts);
  }
}
