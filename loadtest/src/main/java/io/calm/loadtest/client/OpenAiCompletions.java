package io.calm.loadtest.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** OpenAI's completions. */
final class OpenAiCompletions implements Dialect {
  @Override
  public String path(String model) {
    return "/v1/completions";
  }

  @Override
  public JsonNode body(String model, Ask ask) {
    return frame(model, ask).put("prompt", ask.prompt());
  }

  /** Returns what completions and chat have in common. */
  static ObjectNode frame(String model, Ask ask) {
    ObjectNode body = JsonNodeFactory.instance.objectNode();
    if (!model.isEmpty()) {
      body.put("model", model);
    }
    body.put("max_tokens", ask.maxTokens()).put("temperature", 0).put("stream", true);
    if (ask.ignoreEos()) {
      body.put("ignore_eos", true);
    }
    body.putObject("stream_options").put("include_usage", true);
    return body;
  }

  @Override
  public void read(JsonNode event, AnswerBuilder answer) {
    read(event, event.at("/choices/0/text").asText(""), answer);
  }

  static void read(JsonNode event, String text, AnswerBuilder answer) {
    if (event.hasNonNull("error")) {
      answer.failed(event.get("error").path("message").asText(event.get("error").toString()));
      return;
    }
    JsonNode choice = event.at("/choices/0");
    if (!text.isEmpty()) {
      answer.text(text);
    }
    if (choice.hasNonNull("finish_reason")) {
      answer.finished(choice.get("finish_reason").asText());
    }
    JsonNode usage = event.path("usage");
    if (usage.hasNonNull("completion_tokens")) {
      answer.usage(usage.get("completion_tokens").asInt());
    }
  }

  @Override
  public boolean endsWithDone() {
    return true;
  }

  @Override
  public boolean oneEventAToken() {
    return false;
  }
}
