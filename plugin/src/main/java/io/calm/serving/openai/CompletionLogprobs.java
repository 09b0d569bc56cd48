package io.calm.serving.openai;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import io.calm.generate.TokenScore;
import io.calm.serving.api.Sequence;
import java.util.List;

/** The parallel arrays of {@code logprobs}, as completions have them. */
final class CompletionLogprobs {
  private final OpenAiReply reply;
  private final JsonArray tokens = new JsonArray();
  private final JsonArray scores = new JsonArray();
  private final JsonArray top = new JsonArray();
  private final JsonArray offsets = new JsonArray();
  private int offset;

  /**
   * Starts empty.
   *
   * @param offset characters of the text before the first token
   */
  CompletionLogprobs(OpenAiReply reply, int offset) {
    this.reply = reply;
    this.offset = offset;
  }

  /** Adds the prompt's tokens; the first has no score. */
  void prompt(Sequence sequence) {
    for (int i = 0; i < sequence.promptScores().size(); i++) {
      add(sequence.promptScores().get(i), sequence.promptTop().get(i));
    }
  }

  /** Adds a token; it stands among its alternatives, as in vLLM. */
  void add(TokenScore score, List<TokenScore> alternatives) {
    String spelling = reply.spelling(score.id());
    tokens.add(spelling);
    scores.add(OpenAiReply.number(score.logprob()));
    offsets.add(offset);
    offset += spelling.length();
    top.add(alternatives(score, alternatives));
  }

  private JsonElement alternatives(TokenScore score, List<TokenScore> alternatives) {
    if (Float.isNaN(score.logprob())) {
      return JsonNull.INSTANCE;
    }
    JsonObject object = new JsonObject();
    for (TokenScore alternative : alternatives) {
      String spelling = reply.spelling(alternative.id());
      if (!object.has(spelling)) { // the likelier of two with one spelling
        object.add(spelling, OpenAiReply.number(alternative.logprob()));
      }
    }
    String own = reply.spelling(score.id());
    if (!object.has(own)) {
      object.add(own, OpenAiReply.number(score.logprob()));
    }
    return object;
  }

  JsonObject toJson() {
    JsonObject logprobs = new JsonObject();
    logprobs.add("tokens", tokens);
    logprobs.add("token_logprobs", scores);
    logprobs.add("top_logprobs", top);
    logprobs.add("text_offset", offsets);
    return logprobs;
  }
}
