package io.calm.serving.dispatch;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import java.util.List;

/** Puts the chunks of one choice together to what a whole answer would have shown. */
final class StreamedChoice {
  private StreamedChoice() {}

  static JsonObject completion(List<JsonObject> chunks, int index) {
    StringBuilder text = new StringBuilder();
    JsonObject result = start(index);
    for (JsonObject choice : of(chunks, index)) {
      text.append(choice.get("text").getAsString());
      join(result, choice);
    }
    result.addProperty("text", text.toString());
    return result;
  }

  static JsonObject chat(List<JsonObject> chunks, int index) {
    JsonObject message = new JsonObject();
    StringBuilder text = new StringBuilder();
    JsonObject result = start(index);
    for (JsonObject choice : of(chunks, index)) {
      JsonObject delta = choice.getAsJsonObject("delta");
      if (delta.has("role")) {
        message.add("role", delta.get("role"));
      }
      if (delta.has("content")) {
        text.append(delta.get("content").getAsString());
      }
      join(result, choice);
    }
    message.addProperty("content", text.toString());
    message.add("refusal", JsonNull.INSTANCE);
    result.add("message", message);
    return result;
  }

  /** Returns the usage of the last chunk, which has no choice. */
  static JsonObject usage(List<JsonObject> chunks) {
    JsonObject last = chunks.get(chunks.size() - 1);
    if (!last.getAsJsonArray("choices").isEmpty()) {
      throw new AssertionError("a choice beside the usage: " + last);
    }
    return last.getAsJsonObject("usage");
  }

  private static JsonObject start(int index) {
    JsonObject result = new JsonObject();
    result.addProperty("index", index);
    result.add("logprobs", JsonNull.INSTANCE);
    result.add("finish_reason", JsonNull.INSTANCE);
    return result;
  }

  private static List<JsonObject> of(List<JsonObject> chunks, int index) {
    return chunks.stream()
        .flatMap(chunk -> chunk.getAsJsonArray("choices").asList().stream())
        .map(JsonElement::getAsJsonObject)
        .filter(choice -> choice.get("index").getAsInt() == index)
        .toList();
  }

  private static void join(JsonObject result, JsonObject choice) {
    if (!result.get("finish_reason").isJsonNull()) {
      throw new AssertionError("a chunk after the last: " + choice);
    }
    result.add("finish_reason", choice.get("finish_reason"));
    if (!choice.get("logprobs").isJsonObject()) {
      return;
    }
    JsonObject more = choice.getAsJsonObject("logprobs").deepCopy();
    if (result.get("logprobs").isJsonNull()) {
      result.add("logprobs", more);
      return;
    }
    JsonObject sum = result.getAsJsonObject("logprobs");
    for (String key : sum.keySet()) {
      if (sum.get(key) instanceof JsonArray array) {
        array.addAll(more.getAsJsonArray(key));
      }
    }
  }
}
