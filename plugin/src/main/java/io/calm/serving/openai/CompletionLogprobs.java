package io.calm.serving.openai;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import io.calm.checkpoint.Tokenizer;
import io.calm.generate.TokenScore;
import io.calm.serving.reply.Sequence;
import io.calm.serving.reply.TokenText;
import java.util.List;

/** The parallel arrays of {@code logprobs}, as completions have them. */
final class CompletionLogprobs {
  private static final String BYTES = "bytes:";

  private final Tokenizer tokenizer;
  private final JsonArray tokens = new JsonArray();
  private final JsonArray scores = new JsonArray();
  private final JsonArray top = new JsonArray();
  private final JsonArray offsets = new JsonArray();

  CompletionLogprobs(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /** Adds the prompt's tokens; the first has no score. */
  void prompt(Sequence sequence) {
    TextOffsets places = TextOffsets.ofPrompt(tokenizer, sequence.prompt());
    for (int i = 0; i < sequence.promptScores().size(); i++) {
      add(sequence.promptScores().get(i), sequence.promptTop().get(i), places);
    }
  }

  /** Adds a token; it stands among its alternatives, as in vLLM. */
  void add(TokenScore score, List<TokenScore> alternatives, TextOffsets places) {
    tokens.add(spelling(score));
    scores.add(OpenAiReply.number(score.logprob()));
    offsets.add(places.next(score.id()));
    top.add(alternatives(score, alternatives));
  }

  private JsonElement alternatives(TokenScore score, List<TokenScore> alternatives) {
    if (Float.isNaN(score.logprob())) {
      return JsonNull.INSTANCE;
    }
    JsonObject object = new JsonObject();
    for (TokenScore alternative : alternatives) {
      String spelling = spelling(alternative);
      if (!object.has(spelling)) { // the likelier of two with one spelling
        object.add(spelling, OpenAiReply.number(alternative.logprob()));
      }
    }
    if (!object.has(spelling(score))) {
      object.add(spelling(score), OpenAiReply.number(score.logprob()));
    }
    return object;
  }

  private String spelling(TokenScore score) {
    return TokenText.escaped(tokenizer, score.id(), BYTES);
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
