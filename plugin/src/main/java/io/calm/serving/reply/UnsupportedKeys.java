package io.calm.serving.reply;

import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import io.calm.text.Printable;
import java.util.List;
import java.util.Optional;

/**
 * Keys that would change the answer and that this server cannot honour. A value that asks for
 * nothing is accepted: null, false, empty, or the default behaviour.
 */
public final class UnsupportedKeys {
  private static final List<String> OF_VLLM =
      List.of(
          "use_beam_search",
          "bad_words",
          "allowed_token_ids",
          "truncate_prompt_tokens",
          "prompt_logprobs",
          "logits_processors",
          "return_token_ids",
          "return_tokens_as_token_ids",
          "structured_outputs",
          "guided_json",
          "guided_regex",
          "guided_choice",
          "guided_grammar");

  private UnsupportedKeys() {}

  /**
   * Refuses vLLM's keys, and a {@code response_format} other than text.
   *
   * @throws ApiException naming the first key whose value asks for something
   */
  public static void refuseVllm(RequestFields fields) {
    refuse(fields, OF_VLLM);
    requireText(fields);
  }

  /**
   * Refuses keys whose value asks for something.
   *
   * @throws ApiException naming the first of them
   */
  public static void refuse(RequestFields fields, List<String> keys) {
    for (String key : keys) {
      if (fields.get(key).filter(value -> !asksForNothing(value)).isPresent()) {
        throw refusal(fields, key);
      }
    }
  }

  /** Returns the refusal of a key. */
  public static ApiException refusal(RequestFields fields, String key) {
    return ApiException.invalid(fields.name(key), "not supported by this server; leave it out");
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

  private static void requireText(RequestFields fields) {
    Optional<RequestFields> format =
        fields.object("response_format").filter(given -> !given.json().isEmpty());
    if (format.isEmpty()) {
      return;
    }
    Optional<String> type = format.get().string("type");
    if (!type.equals(Optional.of("text"))) {
      throw ApiException.invalid(
          format.get().name("type"),
          "expected \"text\", got %s: this server does not constrain answers"
              .formatted(type.map(got -> '"' + Printable.of(got) + '"').orElse("none")));
    }
  }
}
