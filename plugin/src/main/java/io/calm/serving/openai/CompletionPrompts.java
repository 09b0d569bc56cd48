package io.calm.serving.openai;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.Prompt;
import io.calm.serving.reply.Prompts;
import io.calm.serving.reply.RequestFields;
import io.calm.serving.reply.TokenIds;
import java.util.ArrayList;
import java.util.List;

/** Reads {@code prompt}: a string, token ids, or an array of either. */
final class CompletionPrompts {
  private static final String EXPECTED = "a string or an array";
  private static final String EXPECTED_IN_ARRAY = "a string or an array of token ids";

  private CompletionPrompts() {}

  /**
   * Reads the prompts.
   *
   * @param choices number of answers to each prompt
   */
  static List<Prompt> read(ServedModel model, RequestFields fields, int choices) {
    JsonElement prompt =
        fields
            .get("prompt")
            .orElseThrow(
                () ->
                    ApiException.invalid("prompt", "expected %s, got nothing".formatted(EXPECTED)));
    boolean special = fields.flag("add_special_tokens", true);
    if (!prompt.isJsonArray()) {
      Prompts.requireAdmissible(model, "n", 1, choices);
      return List.of(one(model, "prompt", prompt, EXPECTED, special));
    }
    JsonArray array = prompt.getAsJsonArray();
    if (array.isEmpty()) {
      throw ApiException.invalid("prompt", "expected at least one prompt, got an empty array");
    }
    JsonElement first = array.get(0);
    if (first.isJsonPrimitive() && first.getAsJsonPrimitive().isNumber()) {
      return List.of(one(model, "prompt", array, EXPECTED, special));
    }
    Prompts.requireAdmissible(model, "prompt", array.size(), choices);
    List<Prompt> prompts = new ArrayList<>();
    for (int i = 0; i < array.size(); i++) {
      prompts.add(one(model, "prompt[%d]".formatted(i), array.get(i), EXPECTED_IN_ARRAY, special));
    }
    return prompts;
  }

  private static Prompt one(
      ServedModel model, String key, JsonElement value, String expected, boolean special) {
    if (TokenIds.are(value)) {
      Prompts.requireCount(model, key, TokenIds.count(value));
      int[] tokens = TokenIds.array(key, value, model.spec().vocabulary());
      return Prompts.ofTokens(model, tokens);
    }
    return Prompts.encode(model, key, RequestFields.string(key, value, expected), special);
  }
}
