package io.calm.loadtest.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;

/** DJL's schema: one JSON line per token, as LMI containers answer. */
final class DjlLines implements Dialect {
  @Override
  public String path(String model) {
    return model.isEmpty()
        ? "/invocations"
        : "/predictions/" + URLEncoder.encode(model, StandardCharsets.UTF_8).replace("+", "%20");
  }

  @Override
  public JsonNode body(String model, Ask ask) {
    ObjectNode body = JsonNodeFactory.instance.objectNode();
    body.put("inputs", ask.prompt()).put("stream", true);
    ObjectNode parameters = body.putObject("parameters");
    parameters.put("max_new_tokens", ask.maxTokens()).put("do_sample", false).put("details", true);
    if (ask.ignoreEos()) {
      parameters.put("ignore_eos_token", true);
    }
    return body;
  }

  @Override
  public void read(JsonNode event, AnswerBuilder answer) {
    if (event.hasNonNull("error") || event.hasNonNull("code")) {
      answer.failed(event.path("error").asText(event.toString()));
      return;
    }
    if (event.has("token")) {
      answer.text(event.at("/token/text").asText(""));
    }
    if (event.hasNonNull("generated_text")) {
      answer.whole(event.get("generated_text").asText());
    }
    JsonNode details = event.path("details");
    if (details.hasNonNull("finish_reason")) {
      answer.finished(details.get("finish_reason").asText());
      answer.usage(details.path("generated_tokens").asInt());
    }
  }

  @Override
  public boolean endsWithDone() {
    return false;
  }

  @Override
  public boolean oneEventAToken() {
    return true;
  }
}
