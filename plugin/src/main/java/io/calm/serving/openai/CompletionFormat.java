package io.calm.serving.openai;

import com.google.gson.JsonElement;
import com.google.gson.JsonPrimitive;
import io.calm.generate.GeneratedToken;
import io.calm.serving.reply.ReplySequence;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;

/** Writes {@code text_completion}, with the prompt before the answer if {@code echo} is set. */
final class CompletionFormat extends OpenAiFormat {
  private final boolean echo;
  private final Map<ReplySequence, TextOffsets> streamed = new HashMap<>();

  CompletionFormat(OpenAiReply reply, boolean echo) {
    super(reply, "text_completion", "text_completion");
    this.echo = echo;
  }

  @Override
  public String token(ReplySequence sequence, GeneratedToken token) {
    String prompt = token.index() == 0 ? echoed(sequence) : "";
    if (token.text().isEmpty() && reply().logprobs().isEmpty()) {
      return prompt;
    }
    return prompt
        + chunk(
            sequence,
            token.index() + 1,
            token.text(),
            json -> logprobs(json, log -> log.add(token.score(), token.top(), places(sequence))));
  }

  private TextOffsets places(ReplySequence sequence) {
    return streamed.computeIfAbsent(sequence, this::answer);
  }

  private TextOffsets answer(ReplySequence sequence) {
    return TextOffsets.ofAnswer(
        reply().tokenizer(), sequence.prompt(), reply().showSpecial(), echo);
  }

  private String echoed(ReplySequence sequence) {
    if (!echo) {
      return "";
    }
    return chunk(
        sequence, 0, prompt(sequence), json -> logprobs(json, log -> log.prompt(sequence)));
  }

  /** Returns the text of a prompt, without the start of a character that the answer has. */
  private static String prompt(ReplySequence sequence) {
    return sequence.tokens().isEmpty()
        ? sequence.prompt().text()
        : sequence.prompt().beforeAnswer();
  }

  @Override
  public String finished(ReplySequence sequence) {
    String prompt = sequence.tokens().isEmpty() ? echoed(sequence) : "";
    int generated = sequence.tokens().size();
    JsonElement none = new JsonPrimitive("");
    return prompt
        + chunk(sequence, generated, "text", none, OpenAiFormat::noLogprobs, sequence.reason());
  }

  private String chunk(
      ReplySequence sequence, int generated, String text, Consumer<AnswerJson> logprobs) {
    return chunk(sequence, generated, "text", new JsonPrimitive(text), logprobs, Optional.empty());
  }

  @Override
  void choices(AnswerJson text, List<ReplySequence> sequences) {
    List<ReplySequence> shown = shown(sequences);
    for (int i = 0; i < shown.size(); i++) {
      ReplySequence sequence = shown.get(i);
      String answer = echo ? prompt(sequence) + sequence.text() : sequence.text();
      choice(
          text,
          i,
          "text",
          new JsonPrimitive(answer),
          () -> logprobs(text, log -> all(log, sequence)),
          sequence.reason());
    }
  }

  /**
   * Returns the sequences to show, prompt by prompt; if ranked, those with the highest
   * log-probability per token.
   */
  private List<ReplySequence> shown(List<ReplySequence> sequences) {
    ChoiceCounts choices = reply().choices();
    if (!choices.ranked()) {
      return sequences;
    }
    List<ReplySequence> shown = new ArrayList<>();
    for (int from = 0; from < sequences.size(); from += choices.made()) {
      sequences.subList(from, from + choices.made()).stream()
          .sorted(Comparator.comparingDouble(s -> -s.logprob() / Math.max(1, s.tokens().size())))
          .limit(choices.shown())
          .forEach(shown::add);
    }
    return shown;
  }

  private void all(CompletionLogprobs log, ReplySequence sequence) {
    if (echo) {
      log.prompt(sequence);
    }
    TextOffsets places = answer(sequence);
    sequence.tokens().forEach(token -> log.add(token.score(), token.top(), places));
  }

  private void logprobs(AnswerJson text, Consumer<CompletionLogprobs> add) {
    if (reply().logprobs().isEmpty()) {
      noLogprobs(text);
      return;
    }
    CompletionLogprobs log = new CompletionLogprobs(reply().tokenizer());
    add.accept(log);
    log.write(text);
  }
}
