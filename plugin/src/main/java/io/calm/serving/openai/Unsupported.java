package io.calm.serving.openai;

import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import io.calm.serving.api.ApiException;
import io.calm.serving.api.JsonFields;
import java.util.List;
import java.util.Optional;

/**
 * Keys of OpenAI and of vLLM that would change the answer and that this server cannot honour. They
 * pass where their value asks for nothing: null, false, empty, or what happens anyway.
 */
final class Unsupported {
  private static final List<String> EITHER =
      List.of(
          "use_beam_search",
          "bad_words",
          "allowed_token_ids",
          "truncate_prompt_tokens",
          "prompt_logprobs",
          "structured_outputs",
          "guided_json",
          "guided_regex",
          "guided_choice",
          "guided_grammar");

  private Unsupported() {}

  /** Refuses what completions cannot have. */
  static void inCompletion(JsonFields fields) {
    refuse(fields, EITHER);
    refuse(fields, List.of("suffix", "prompt_embeds"));
    requireText(fields);
  }

  /** Refuses what chats cannot have. */
  static void inChat(JsonFields fields) {
    refuse(fields, EITHER);
    refuse(fields, List.of("tools", "functions", "echo", "audio", "documents", "chat_template"));
    refuseUnless(fields, "tool_choice", List.of("none", "auto"));
    refuseUnless(fields, "function_call", List.of("none", "auto"));
    requireTextModality(fields);
    requireText(fields);
  }

  private static void refuse(JsonFields fields, List<String> keys) {
    for (String key : keys) {
      if (fields.get(key).filter(value -> !asksForNothing(value)).isPresent()) {
        throw refusal(key);
      }
    }
  }

  private static ApiException refusal(String key) {
    return ApiException.invalid(key, "not supported by this server; leave it out");
  }

  private static boolean asksForNothing(JsonElement value) {
    if (value.isJsonArray()) {
      return value.getAsJsonArray().isEmpty();
    }
    if (value.isJsonObject()) {
      return value.getAsJsonObject().isEmpty();
    }
    JsonPrimitive primitive = value.getAsJsonPrimitive();
    return primitive.isBoolean() ? !primitive.getAsBoolean() : primitive.getAsString().isEmpty();
  }

  private static void refuseUnless(JsonFields fields, String key, List<String> harmless) {
    Optional<JsonElement> value = fields.get(key);
    if (value.isPresent()
        && !(value.get() instanceof JsonPrimitive primitive
            && harmless.contains(primitive.getAsString()))) {
      throw refusal(key);
    }
  }

  private static void requireTextModality(JsonFields fields) {
    if (!List.of("text").containsAll(fields.strings("modalities"))) {
      throw ApiException.invalid(
          "modalities", "expected [\"text\"], got %s".formatted(fields.strings("modalities")));
    }
  }

  private static void requireText(JsonFields fields) {
    fields
        .object("response_format")
        .flatMap(format -> format.string("type"))
        .filter(type -> !"text".equals(type))
        .ifPresent(
            type -> {
              throw ApiException.invalid(
                  "response_format.type",
                  "expected \"text\", got \"%s\": this server does not constrain answers"
                      .formatted(type));
            });
  }
}
