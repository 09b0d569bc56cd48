package io.calm.serving.openai;

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.calm.checkpoint.Tokenizer;
import io.calm.generate.TokenScore;
import io.calm.serving.reply.ReplySequence;
import io.calm.serving.reply.TokenText;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntFunction;
import java.util.stream.IntStream;

/** The parallel arrays of {@code logprobs} in a completion. */
final class CompletionLogprobs {
  private static final String BYTES = "bytes:";

  private final Tokenizer tokenizer;
  private final List<TokenScore> scores = new ArrayList<>();
  private final List<List<TokenScore>> top = new ArrayList<>();
  private final List<Integer> offsets = new ArrayList<>();

  CompletionLogprobs(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
  }

  /** Adds the prompt's tokens; the first has no score. */
  void prompt(ReplySequence sequence) {
    TextOffsets places = TextOffsets.ofPrompt(tokenizer, sequence.prompt());
    for (int i = 0; i < sequence.promptScores().size(); i++) {
      add(sequence.promptScores().get(i), sequence.promptTop().get(i), places);
    }
  }

  /** Adds a token. As in vLLM, its alternatives include the token itself. */
  void add(TokenScore score, List<TokenScore> alternatives, TextOffsets places) {
    scores.add(score);
    offsets.add(places.next(score.id()));
    top.add(alternatives);
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

  /** Returns the elements of the arrays by their names. */
  private Map<String, IntFunction<JsonElement>> arrays() {
    Map<String, IntFunction<JsonElement>> arrays = new LinkedHashMap<>();
    arrays.put("tokens", i -> new JsonPrimitive(spelling(scores.get(i))));
    arrays.put("token_logprobs", i -> OpenAiReply.number(scores.get(i).logprob()));
    arrays.put("top_logprobs", i -> alternatives(scores.get(i), top.get(i)));
    arrays.put("text_offset", i -> new JsonPrimitive(offsets.get(i)));
    return arrays;
  }

  /** Writes the arrays, one element at a time. */
  void write(AnswerJson text) {
    text.object(
        () ->
            arrays()
                .forEach(
                    (name, element) ->
                        text.name(name)
                            .array(() -> indexes().forEach(i -> text.value(element.apply(i))))));
  }

  private IntStream indexes() {
    return IntStream.range(0, scores.size());
  }
}
