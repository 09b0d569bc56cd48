package io.calm.loadtest.client;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/** OpenAI's chat. The event that only names the role is not the first token. */
final class OpenAiChat implements Dialect {
  @Override
  public String path(String model) {
    return "/v1/chat/completions";
  }

  @Override
  public JsonNode body(String model, Ask ask) {
    ObjectNode body = OpenAiCompletions.frame(model, ask);
    body.putArray("messages").addObject().put("role", "user").put("content", ask.prompt());
    return body;
  }

  @Override
  public void read(JsonNode event, AnswerBuilder answer) {
    OpenAiCompletions.read(event, event.at("/choices/0/delta/content").asText(""), answer);
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
