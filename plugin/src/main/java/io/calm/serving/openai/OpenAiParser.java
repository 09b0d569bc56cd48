package io.calm.serving.openai;

import com.google.gson.JsonObject;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.generate.SamplingParameters;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ByteBudget;
import io.calm.serving.reply.Prompt;
import io.calm.serving.reply.Prompts;
import io.calm.serving.reply.RequestFields;
import io.calm.serving.reply.SamplingFields;
import io.calm.serving.reply.TextRequest;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;

/**
 * Reads bodies of OpenAI's schema. As in vLLM, sampling defaults come from the checkpoint's {@code
 * generation_config.json}, then from OpenAI (temperature 1). Keys that change the answer and that
 * this server cannot honour are refused; all other unknown keys are ignored.
 */
public final class OpenAiParser {
  private static final int DEFAULT_COMPLETION_TOKENS = 16;
  private static final int MAX_CHOICES = 128;
  private static final double MAX_TEMPERATURE = 2;

  private OpenAiParser() {}

  /** Reads a body of {@code /v1/completions}. */
  public static TextRequest completion(
      ServedModel model, JsonObject body, InstantSource clock, Framing framing) {
    RequestFields fields = new RequestFields(body);
    Unsupported.inCompletion(fields);
    ChoiceCounts choices = choices(fields);
    List<Prompt> prompts = CompletionPrompts.read(model, fields, choices.made());
    OptionalInt logprobs = fields.integer("logprobs", 0, SamplingParameters.MAX_LOGPROBS);
    boolean echo = fields.flag("echo", false);
    int max =
        askedTokens(model, fields, prompts, 0)
            .orElseGet(() -> Math.min(room(model, "prompt", prompts), DEFAULT_COMPLETION_TOKENS));
    boolean scored = logprobs.isPresent() || choices.ranked();
    SamplingParameters parameters =
        SamplingFields.checked(
            () ->
                sampling(model, fields, max)
                    .logprobs(scored)
                    .topLogprobs(logprobs.orElse(0))
                    .build());
    OpenAiReply reply = reply("cmpl-", model, fields, clock, framing, choices, logprobs);
    return new TextRequest(
        prompts,
        choices.made(),
        parameters,
        fields.has("seed"),
        SamplingFields.endOfSequence(model, fields, "ignore_eos"),
        reply.showSpecial(),
        echo && logprobs.isPresent() ? logprobs : OptionalInt.empty(),
        new CompletionFormat(reply, echo));
  }

  /**
   * Reads a body of {@code /v1/chat/completions}.
   *
   * @param charge grows by the estimated size of values that are parsed from strings of the body
   */
  public static TextRequest chat(
      ServedModel model,
      JsonObject body,
      InstantSource clock,
      Framing framing,
      ByteBudget.Charge charge) {
    RequestFields fields = new RequestFields(body);
    Unsupported.inChat(fields);
    ChoiceCounts choices = choices(fields);
    if (choices.ranked()) {
      throw ApiException.invalid(
          "best_of",
          "in a chat, expected the value of n (%d), got %d"
              .formatted(choices.shown(), choices.made()));
    }
    Prompts.requireAdmissible(model, "n", 1, choices.made());
    List<Prompt> prompts = List.of(ChatPrompt.render(model, fields, charge));
    int top = fields.integer("top_logprobs", 0, SamplingParameters.MAX_LOGPROBS).orElse(0);
    boolean logprobs = fields.flag("logprobs", false);
    if (top > 0 && !logprobs) {
      throw ApiException.invalid("top_logprobs", "expected logprobs: true beside it");
    }
    int max = chatTokens(model, fields, prompts);
    SamplingParameters parameters =
        SamplingFields.checked(
            () -> sampling(model, fields, max).logprobs(logprobs).topLogprobs(top).build());
    OptionalInt shown = logprobs ? OptionalInt.of(top) : OptionalInt.empty();
    OpenAiReply reply = reply("chatcmpl-", model, fields, clock, framing, choices, shown);
    return new TextRequest(
        prompts,
        choices.made(),
        parameters,
        fields.has("seed"),
        SamplingFields.endOfSequence(model, fields, "ignore_eos"),
        reply.showSpecial(),
        OptionalInt.empty(),
        new ChatFormat(reply));
  }

  private static ChoiceCounts choices(RequestFields fields) {
    int shown = fields.integer("n", 1, MAX_CHOICES).orElse(1);
    int made = fields.integer("best_of", 1, MAX_CHOICES).orElse(shown);
    if (made < shown) {
      throw ApiException.invalid(
          "best_of", "expected at least the value of n (%d), got %d".formatted(shown, made));
    }
    if (made > shown && fields.flag("stream", false)) {
      throw ApiException.invalid(
          "best_of", "in a stream, expected the value of n (%d), got %d".formatted(shown, made));
    }
    return new ChoiceCounts(shown, made);
  }

  private static OpenAiReply reply(
      String prefix,
      ServedModel model,
      RequestFields fields,
      InstantSource clock,
      Framing framing,
      ChoiceCounts choices,
      OptionalInt logprobs) {
    boolean streamed = fields.flag("stream", false);
    return new OpenAiReply(
        prefix + UUID.randomUUID().toString().replace("-", ""),
        clock.instant().getEpochSecond(),
        model.name(),
        model.tokenizer(),
        choices,
        logprobs,
        streamed,
        streamedUsage(fields),
        !fields.flag("skip_special_tokens", true),
        framing);
  }

  /** Reads the usage options. As in vLLM, continuous usage requires the usage at the end. */
  private static StreamedUsage streamedUsage(RequestFields fields) {
    Optional<RequestFields> options = fields.object("stream_options");
    boolean included = options.map(o -> o.flag("include_usage", false)).orElse(false);
    boolean continuous = options.map(o -> o.flag("continuous_usage_stats", false)).orElse(false);
    if (!included) {
      return StreamedUsage.NONE;
    }
    return continuous ? StreamedUsage.EVERY_CHUNK : StreamedUsage.AT_END;
  }

  /**
   * Returns the requested maximum number of tokens of an answer, which the context has room for.
   */
  private static OptionalInt askedTokens(
      ServedModel model, RequestFields fields, List<Prompt> prompts, int min) {
    for (String key : List.of("max_completion_tokens", "max_tokens")) {
      OptionalInt asked = fields.integer(key, min, Integer.MAX_VALUE);
      if (asked.isPresent()) {
        Prompts.requireRoom(model, prompts, key, asked.getAsInt());
        return asked;
      }
    }
    return OptionalInt.empty();
  }

  /**
   * Returns the maximum number of tokens of a chat's answer: the requested number, or the rest of
   * the context.
   */
  private static int chatTokens(ServedModel model, RequestFields fields, List<Prompt> prompts) {
    OptionalInt asked = askedTokens(model, fields, prompts, 1);
    if (asked.isPresent()) {
      return asked.getAsInt();
    }
    int room = room(model, "messages", prompts);
    return Math.min(room, model.limits().defaultMaxTokens().orElse(room));
  }

  /**
   * Returns the number of tokens that the context leaves for every answer if the client set no
   * maximum.
   */
  private static int room(ServedModel model, String key, List<Prompt> prompts) {
    int room = Prompts.room(model, prompts);
    if (room <= 0) {
      throw new ApiException(
          ApiException.Kind.TOO_LONG,
          ("%s: the prompt is too long: it has %d tokens, which leave none for an answer; this"
                  + " model's maximum context length is %d tokens")
              .formatted(
                  key,
                  prompts.stream().mapToInt(prompt -> prompt.tokens().length).max().orElse(0),
                  model.scheduler().settings().maxContext()),
          Optional.of(key));
    }
    return room;
  }

  private static SamplingParameters.Builder sampling(
      ServedModel model, RequestFields fields, int max) {
    GenerationDefaults defaults = model.defaults();
    SamplingParameters.Builder builder = SamplingParameters.builder();
    defaults.topP().ifPresent(builder::topP);
    defaults.topK().ifPresent(value -> builder.topK(Math.max(0, value)));
    defaults.minP().ifPresent(builder::minP);
    defaults.repetitionPenalty().ifPresent(builder::repetitionPenalty);
    SamplingFields.common(fields, model.spec().vocabulary(), builder);
    return builder
        .temperature(
            SamplingFields.temperature(fields, MAX_TEMPERATURE)
                .orElse(defaults.temperature().orElse(1)))
        .maxNewTokens(max)
        .stops(SamplingFields.stops(fields, "stop"));
  }
}
