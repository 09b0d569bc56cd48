package io.calm.serving.openai;

import com.google.gson.JsonArray;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import io.calm.generate.Finish;
import io.calm.generate.GeneratedToken;
import io.calm.generate.TokenScore;
import io.calm.serving.reply.ReplySequence;
import io.calm.serving.reply.TokenText;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/** Writes {@code chat.completion} and {@code chat.completion.chunk}. */
final class ChatFormat extends OpenAiFormat {
  ChatFormat(OpenAiReply reply) {
    super(reply, "chat.completion", "chat.completion.chunk");
  }

  @Override
  public String token(ReplySequence sequence, GeneratedToken token) {
    String role = "";
    if (token.index() == 0) {
      JsonObject delta = new JsonObject();
      delta.addProperty("role", "assistant");
      delta.addProperty("content", "");
      role = chunk(sequence, 0, delta, OpenAiFormat::noLogprobs, Optional.empty());
    }
    if (token.text().isEmpty() && reply().logprobs().isEmpty()) {
      return role;
    }
    JsonObject delta = new JsonObject();
    delta.addProperty("content", token.text());
    return role
        + chunk(
            sequence,
            token.index() + 1,
            delta,
            text -> logprobs(text, List.of(token)),
            Optional.empty());
  }

  @Override
  public String finished(ReplySequence sequence) {
    int generated = sequence.tokens().size();
    JsonObject none = new JsonObject();
    return chunk(sequence, generated, none, OpenAiFormat::noLogprobs, sequence.reason());
  }

  private String chunk(
      ReplySequence sequence,
      int generated,
      JsonObject delta,
      Consumer<AnswerJson> logprobs,
      Optional<Finish.Reason> reason) {
    return chunk(sequence, generated, "delta", delta, logprobs, reason);
  }

  @Override
  void choices(AnswerJson text, List<ReplySequence> sequences) {
    for (ReplySequence sequence : sequences) {
      JsonObject message = new JsonObject();
      message.addProperty("role", "assistant");
      message.addProperty("content", sequence.text());
      message.add("refusal", JsonNull.INSTANCE);
      choice(
          text,
          sequence.index(),
          "message",
          message,
          () -> logprobs(text, sequence.tokens()),
          sequence.reason());
    }
  }

  private void logprobs(AnswerJson text, List<GeneratedToken> tokens) {
    if (reply().logprobs().isEmpty()) {
      noLogprobs(text);
      return;
    }
    text.object(
        () ->
            text.name("content")
                .array(() -> tokens.forEach(token -> text.value(entry(token))))
                .name("refusal")
                .value(JsonNull.INSTANCE));
  }

  private JsonObject entry(GeneratedToken token) {
    JsonObject entry = entry(token.score());
    JsonArray top = new JsonArray();
    token.top().forEach(alternative -> top.add(entry(alternative)));
    entry.add("top_logprobs", top);
    return entry;
  }

  private JsonObject entry(TokenScore score) {
    JsonArray bytes = new JsonArray();
    for (byte b : reply().tokenizer().bytes(score.id())) {
      bytes.add(b & 0xFF);
    }
    JsonObject entry = new JsonObject();
    entry.addProperty("token", TokenText.escaped(reply().tokenizer(), score.id(), ""));
    entry.add("logprob", OpenAiReply.number(score.logprob()));
    entry.add("bytes", bytes);
    return entry;
  }
}
