package io.calm.serving.openai;

import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.RequestFields;
import io.calm.serving.reply.UnsupportedKeys;
import io.calm.text.Printable;
import java.util.List;
import java.util.Optional;

/**
 * Keys of OpenAI's schema that would change the answer and that this server cannot honour; see
 * {@link UnsupportedKeys}.
 */
final class Unsupported {
  private Unsupported() {}

  /** Refuses keys that completions do not support. */
  static void inCompletion(RequestFields fields) {
    UnsupportedKeys.refuse(fields, List.of("suffix", "prompt_embeds"));
    UnsupportedKeys.refuseVllm(fields);
  }

  /** Refuses keys that chats do not support. */
  static void inChat(RequestFields fields) {
    UnsupportedKeys.refuse(fields, List.of("echo", "audio", "documents", "chat_template"));
    if (fields.has("web_search_options")) { // an empty object asks for a search too
      throw UnsupportedKeys.refusal(fields, "web_search_options");
    }
    refuseTools(fields, "tools", "tool_choice");
    refuseTools(fields, "functions", "function_call");
    requireTextModality(fields);
    UnsupportedKeys.refuseVllm(fields);
  }

  /** Refuses tools unless the tool choice is {@code none}, which never calls one. */
  private static void refuseTools(RequestFields fields, String tools, String choice) {
    Optional<JsonElement> value = fields.get(choice);
    if (value.isPresent() && !is(value.get(), "none") && !is(value.get(), "auto")) {
      throw UnsupportedKeys.refusal(fields, choice);
    }
    if (value.isEmpty() || !is(value.get(), "none")) {
      UnsupportedKeys.refuse(fields, List.of(tools));
    }
  }

  private static boolean is(JsonElement value, String word) {
    return value instanceof JsonPrimitive primitive && primitive.getAsString().equals(word);
  }

  private static void requireTextModality(RequestFields fields) {
    List<String> modalities = fields.strings("modalities");
    if (!List.of("text").containsAll(modalities)) {
      throw ApiException.invalid(
          "modalities", "expected [\"text\"], got %s".formatted(Printable.of(modalities)));
    }
  }
}
