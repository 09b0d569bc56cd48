package io.calm.checkpoint.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Converts messages to the form that templates expect. As in transformers, keys with a null value
 * are dropped, and reasoning is available under each of its names. A message without content gets
 * an empty content unless it calls tools, because templates test for that. The role {@code
 * developer} becomes {@code system} unless the template knows it, because many templates print
 * nothing for a role that they do not know.
 */
final class Conversation {
  static final String DEVELOPER = "developer";

  private static final List<String> REASONING =
      List.of("reasoning_content", "thinking", "reasoning");

  /** The form of message content that a template accepts. */
  enum Form {
    /** A string; text parts are joined by line feeds, as in vLLM. */
    TEXT,
    /** Either a string or parts; the template distinguishes them. */
    AS_GIVEN,
    /** Parts only; a string becomes one part. */
    PARTS
  }

  private Conversation() {}

  /**
   * Converts messages.
   *
   * @param developer whether the template knows the role {@code developer}
   */
  static List<Map<String, @Nullable Object>> normalize(
      List<Map<String, Object>> messages, Form form, boolean developer) {
    List<Map<String, @Nullable Object>> result = new ArrayList<>();
    for (int i = 0; i < messages.size(); i++) {
      Map<String, @Nullable Object> message = new LinkedHashMap<>(messages.get(i));
      message.values().removeIf(Objects::isNull);
      if (!developer) {
        message.replace("role", DEVELOPER, "system");
      }
      Object content = message.get("content");
      if (content instanceof List<?> parts) {
        message.put("content", form == Form.TEXT ? joined(parts, i) : parts(parts, i));
      } else if (content instanceof String text && form == Form.PARTS && !text.isEmpty()) {
        message.put("content", List.of(part(text)));
      } else if (content == null && message.get("tool_calls") == null) {
        message.put("content", "");
      }
      result.add(withReasoning(message));
    }
    return result;
  }

  private static Map<String, @Nullable Object> withReasoning(
      Map<String, @Nullable Object> message) {
    for (String name : REASONING) {
      Object reasoning = message.get(name);
      if (reasoning != null) {
        Map<String, @Nullable Object> result = new LinkedHashMap<>();
        result.put("thinking", reasoning);
        result.putAll(message);
        result.put("reasoning_content", reasoning);
        return result;
      }
    }
    return message;
  }

  private static String joined(List<?> parts, int message) {
    List<String> texts = new ArrayList<>();
    parts.forEach(part -> texts.add(text(part, message)));
    return String.join("\n", texts);
  }

  private static List<Map<?, ?>> parts(List<?> parts, int message) {
    List<Map<?, ?>> result = new ArrayList<>();
    for (Object part : parts) {
      String text = text(part, message);
      boolean typed = part instanceof Map<?, ?> map && map.get("type") != null;
      result.add(typed ? (Map<?, ?>) part : part(text));
    }
    return result;
  }

  private static Map<String, Object> part(String text) {
    Map<String, Object> part = new LinkedHashMap<>();
    part.put("type", "text");
    part.put("text", text);
    return part;
  }

  private static String text(@Nullable Object part, int message) {
    if (part instanceof String text) {
      return text;
    }
    if (part instanceof Map<?, ?> map && map.get("text") instanceof String text) {
      return text;
    }
    Object type = part instanceof Map<?, ?> map ? map.get("type") : part;
    throw new IllegalArgumentException(
        "messages[%d].content: expected parts of type text, got %s; this model reads text only"
            .formatted(message, type));
  }
}
