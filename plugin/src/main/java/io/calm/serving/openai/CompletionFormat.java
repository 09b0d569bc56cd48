package io.calm.serving.openai;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import io.calm.generate.Finish;
import io.calm.generate.GeneratedToken;
import io.calm.serving.api.ApiException;
import io.calm.serving.api.ErrorBody;
import io.calm.serving.api.ReplyFormat;
import io.calm.serving.api.Sequence;
import java.util.List;
import java.util.Optional;

/** Writes {@code text_completion}, with the prompt before the answer where {@code echo} asks. */
final class CompletionFormat implements ReplyFormat {
  private static final String OBJECT = "text_completion";

  private final OpenAiReply reply;
  private final boolean echo;

  CompletionFormat(OpenAiReply reply, boolean echo) {
    this.reply = reply;
    this.echo = echo;
  }

  @Override
  public String contentType() {
    return reply.contentType();
  }

  @Override
  public boolean streamed() {
    return reply.streamed();
  }

  @Override
  public ErrorBody errors() {
    return reply.errors();
  }

  @Override
  public String token(Sequence sequence, GeneratedToken token) {
    String prompt = token.index() == 0 ? echoed(sequence) : "";
    if (token.text().isEmpty() && reply.logprobs().isEmpty()) {
      return prompt;
    }
    int before = sequence.text().length() - token.text().length();
    return prompt
        + chunk(
            sequence,
            token.text(),
            logprobs(log -> log.add(token.score(), token.top()), echoLength(sequence) + before),
            Optional.empty());
  }

  private String echoed(Sequence sequence) {
    if (!echo) {
      return "";
    }
    return chunk(
        sequence,
        sequence.prompt().text(),
        logprobs(log -> log.prompt(sequence), 0),
        Optional.empty());
  }

  @Override
  public String finished(Sequence sequence) {
    String prompt = sequence.tokens().isEmpty() ? echoed(sequence) : "";
    return prompt + chunk(sequence, "", JsonNull.INSTANCE, sequence.reason());
  }

  @Override
  public String end(List<Sequence> sequences) {
    return reply.end(OBJECT, sequences);
  }

  @Override
  public String failed(ApiException error) {
    return reply.failed(error);
  }

  private String chunk(
      Sequence sequence, String text, JsonElement logprobs, Optional<Finish.Reason> reason) {
    JsonArray choices = new JsonArray();
    choices.add(choice(sequence, text, logprobs, reason));
    return reply.chunk(OBJECT, choices);
  }

  private static JsonObject choice(
      Sequence sequence, String text, JsonElement logprobs, Optional<Finish.Reason> reason) {
    JsonObject choice = new JsonObject();
    choice.addProperty("index", sequence.index());
    choice.addProperty("text", text);
    choice.add("logprobs", logprobs);
    choice.add("finish_reason", OpenAiReply.finishReason(reason));
    return choice;
  }

  @Override
  public String whole(List<Sequence> sequences) {
    JsonArray choices = new JsonArray();
    for (Sequence sequence : sequences) {
      String text = echo ? sequence.prompt().text() + sequence.text() : sequence.text();
      JsonElement logprobs =
          logprobs(
              log -> {
                if (echo) {
                  log.prompt(sequence);
                }
                sequence.tokens().forEach(token -> log.add(token.score(), token.top()));
              },
              0);
      choices.add(choice(sequence, text, logprobs, sequence.reason()));
    }
    JsonObject body = reply.envelope(OBJECT);
    body.add("choices", choices);
    body.add("usage", reply.usage(sequences));
    return body + "\n";
  }

  private JsonElement logprobs(java.util.function.Consumer<CompletionLogprobs> add, int offset) {
    if (reply.logprobs().isEmpty()) {
      return JsonNull.INSTANCE;
    }
    CompletionLogprobs log = new CompletionLogprobs(reply, offset);
    add.accept(log);
    return log.toJson();
  }

  private int echoLength(Sequence sequence) {
    return echo ? sequence.prompt().text().length() : 0;
  }
}
