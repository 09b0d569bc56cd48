package io.calm.serving.openai;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.calm.generate.Finish;
import io.calm.generate.GeneratedToken;
import io.calm.serving.reply.Sequence;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** Writes {@code text_completion}, with the prompt before the answer where {@code echo} asks. */
final class CompletionFormat extends OpenAiFormat {
  private final boolean echo;
  private final Map<Sequence, TextOffsets> streamed = new HashMap<>();

  CompletionFormat(OpenAiReply reply, boolean echo) {
    super(reply, "text_completion", "text_completion");
    this.echo = echo;
  }

  @Override
  public String token(Sequence sequence, GeneratedToken token) {
    String prompt = token.index() == 0 ? echoed(sequence) : "";
    if (token.text().isEmpty() && reply().logprobs().isEmpty()) {
      return prompt;
    }
    JsonElement logprobs = logprobs(log -> log.add(token.score(), token.top(), places(sequence)));
    return prompt + chunk(sequence, token.index() + 1, token.text(), logprobs, Optional.empty());
  }

  private TextOffsets places(Sequence sequence) {
    return streamed.computeIfAbsent(sequence, this::answer);
  }

  private TextOffsets answer(Sequence sequence) {
    String before = echo ? sequence.prompt().text() : "";
    return TextOffsets.ofAnswer(reply().tokenizer(), reply().showSpecial(), before);
  }

  private String echoed(Sequence sequence) {
    if (!echo) {
      return "";
    }
    JsonElement logprobs = logprobs(log -> log.prompt(sequence));
    return chunk(sequence, 0, sequence.prompt().text(), logprobs, Optional.empty());
  }

  @Override
  public String finished(Sequence sequence) {
    String prompt = sequence.tokens().isEmpty() ? echoed(sequence) : "";
    int generated = sequence.tokens().size();
    return prompt + chunk(sequence, generated, "", JsonNull.INSTANCE, sequence.reason());
  }

  private String chunk(
      Sequence sequence,
      int generated,
      String text,
      JsonElement logprobs,
      Optional<Finish.Reason> reason) {
    return chunk(sequence, generated, choice(sequence.index(), text, logprobs, reason));
  }

  private static JsonObject choice(
      int index, String text, JsonElement logprobs, Optional<Finish.Reason> reason) {
    return choice(index, "text", new JsonPrimitive(text), logprobs, reason);
  }

  @Override
  JsonArray choices(List<Sequence> sequences) {
    JsonArray choices = new JsonArray();
    for (Sequence sequence : shown(sequences)) {
      String text = echo ? sequence.prompt().text() + sequence.text() : sequence.text();
      JsonElement logprobs = logprobs(log -> all(log, sequence));
      choices.add(choice(choices.size(), text, logprobs, sequence.reason()));
    }
    return choices;
  }

  /** Returns what the client asked for, prompt by prompt: the likeliest a token, where ranked. */
  private List<Sequence> shown(List<Sequence> sequences) {
    Choices choices = reply().choices();
    if (!choices.ranked()) {
      return sequences;
    }
    List<Sequence> shown = new ArrayList<>();
    for (int from = 0; from < sequences.size(); from += choices.made()) {
      sequences.subList(from, from + choices.made()).stream()
          .sorted(Comparator.comparingDouble(s -> -s.logprob() / Math.max(1, s.tokens().size())))
          .limit(choices.shown())
          .forEach(shown::add);
    }
    return shown;
  }

  private void all(CompletionLogprobs log, Sequence sequence) {
    if (echo) {
      log.prompt(sequence);
    }
    TextOffsets places = answer(sequence);
    sequence.tokens().forEach(token -> log.add(token.score(), token.top(), places));
  }

  private JsonElement logprobs(Consumer<CompletionLogprobs> add) {
    if (reply().logprobs().isEmpty()) {
      return JsonNull.INSTANCE;
    }
    CompletionLogprobs log = new CompletionLogprobs(reply().tokenizer());
    add.accept(log);
    return log.toJson();
  }
}
