package io.calm.serving.openai;

import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.RequestFields;
import io.calm.text.Printable;
import java.util.List;
import java.util.Optional;

/**
 * Keys of OpenAI and vLLM that would change the answer and that this server cannot honour. A value
 * that asks for nothing is accepted: null, false, empty, or the default behaviour.
 */
final class Unsupported {
  private static final List<String> EITHER =
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

  private Unsupported() {}

  /** Refuses keys that completions do not support. */
  static void inCompletion(RequestFields fields) {
    refuse(fields, EITHER);
    refuse(fields, List.of("suffix", "prompt_embeds"));
    requireText(fields);
  }

  /** Refuses keys that chats do not support. */
  static void inChat(RequestFields fields) {
    refuse(fields, EITHER);
    refuse(fields, List.of("echo", "audio", "documents", "chat_template"));
    if (fields.has("web_search_options")) { // an empty object asks for a search too
      throw refusal("web_search_options");
    }
    refuseTools(fields, "tools", "tool_choice");
    refuseTools(fields, "functions", "function_call");
    requireTextModality(fields);
    requireText(fields);
  }

  private static void refuse(RequestFields fields, List<String> keys) {
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

  /** Refuses tools unless the tool choice is {@code none}, which never calls one. */
  private static void refuseTools(RequestFields fields, String tools, String choice) {
    Optional<JsonElement> value = fields.get(choice);
    if (value.isPresent() && !is(value.get(), "none") && !is(value.get(), "auto")) {
      throw refusal(choice);
    }
    if (value.isEmpty() || !is(value.get(), "none")) {
      refuse(fields, List.of(tools));
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

  private static void requireText(RequestFields fields) {
    Optional<RequestFields> format =
        fields.object("response_format").filter(given -> !given.json().isEmpty());
    if (format.isEmpty()) {
      return;
    }
    Optional<String> type = format.get().string("type");
    if (!type.equals(Optional.of("text"))) {
      throw ApiException.invalid(
          "response_format.type",
          "expected \"text\", got %s: this server does not constrain answers"
              .formatted(type.map(got -> '"' + Printable.of(got) + '"').orElse("none")));
    }
  }
}
