package io.calm.serving.openai;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.generate.SamplingParameters;
import io.calm.serving.ServedModel;
import io.calm.serving.api.ApiException;
import io.calm.serving.api.JsonFields;
import io.calm.serving.api.Prompt;
import io.calm.serving.api.Prompts;
import io.calm.serving.api.Sampling;
import io.calm.serving.api.TextRequest;
import io.calm.serving.api.TokenIds;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.UUID;

/**
 * Reads bodies of OpenAI's schema. Sampling defaults are the checkpoint's {@code
 * generation_config.json}, then OpenAI's (temperature 1), as vLLM has it. Keys that change the
 * answer and that this server cannot honour are refused; others are ignored.
 */
public final class OpenAiParser {
  private static final int DEFAULT_COMPLETION_TOKENS = 16;
  private static final int MOST_CHOICES = 128;
  private static final double MOST_TEMPERATURE = 2;

  private OpenAiParser() {}

  /** Reads a body of {@code /v1/completions}. */
  public static TextRequest completion(
      ServedModel model, JsonObject body, InstantSource clock, Framing framing) {
    JsonFields fields = new JsonFields(body);
    refuse(fields, "suffix", "logit_bias");
    requireTextFormat(fields);
    List<Prompt> prompts = prompts(model, fields);
    int choices = fields.integer("n", 1, MOST_CHOICES).orElse(1);
    int best = fields.integer("best_of", 1, MOST_CHOICES).orElse(choices);
    if (best != choices) {
      throw ApiException.invalid(
          "best_of", "expected n, which is %d, got %d".formatted(choices, best));
    }
    OptionalInt logprobs = fields.integer("logprobs", 0, SamplingParameters.MAX_LOGPROBS);
    boolean echo = fields.flag("echo", false);
    OptionalInt asked = fields.integer("max_tokens", 0, Integer.MAX_VALUE);
    int room = room(model, prompts);
    int most = asked.orElse(Math.min(room, DEFAULT_COMPLETION_TOKENS));
    SamplingParameters parameters = Sampling.checked(() -> sampling(model, fields, most, logprobs));
    OpenAiReply reply = reply("cmpl-", model, fields, clock, framing, choices, logprobs);
    return new TextRequest(
        prompts,
        choices,
        parameters,
        Sampling.stopTokens(fields),
        echo && logprobs.isPresent() ? logprobs : OptionalInt.empty(),
        new CompletionFormat(reply, echo));
  }

  /** Reads a body of {@code /v1/chat/completions}. */
  public static TextRequest chat(
      ServedModel model, JsonObject body, InstantSource clock, Framing framing) {
    JsonFields fields = new JsonFields(body);
    refuse(fields, "logit_bias", "tools", "functions");
    requireTextFormat(fields);
    Prompt prompt = ChatPrompt.render(model, fields);
    int choices = fields.integer("n", 1, MOST_CHOICES).orElse(1);
    int top = fields.integer("top_logprobs", 0, SamplingParameters.MAX_LOGPROBS).orElse(0);
    boolean logprobs = fields.flag("logprobs", false);
    if (top > 0 && !logprobs) {
      throw ApiException.invalid("top_logprobs", "expected logprobs: true beside it");
    }
    OptionalInt asked = fields.integer("max_completion_tokens", 1, Integer.MAX_VALUE);
    if (asked.isEmpty()) {
      asked = fields.integer("max_tokens", 1, Integer.MAX_VALUE);
    }
    int room = room(model, List.of(prompt));
    int most = asked.orElse(Math.min(room, model.limits().defaultMaxTokens()));
    OptionalInt shown = logprobs ? OptionalInt.of(top) : OptionalInt.empty();
    SamplingParameters parameters = Sampling.checked(() -> sampling(model, fields, most, shown));
    OpenAiReply reply = reply("chatcmpl-", model, fields, clock, framing, choices, shown);
    return new TextRequest(
        List.of(prompt),
        choices,
        parameters,
        Sampling.stopTokens(fields),
        OptionalInt.empty(),
        new ChatFormat(reply));
  }

  private static OpenAiReply reply(
      String prefix,
      ServedModel model,
      JsonFields fields,
      InstantSource clock,
      Framing framing,
      int choices,
      OptionalInt logprobs) {
    boolean streamed = fields.flag("stream", false);
    Optional<JsonFields> options = fields.object("stream_options");
    return new OpenAiReply(
        prefix + UUID.randomUUID().toString().replace("-", ""),
        clock.instant().getEpochSecond(),
        model.name(),
        model.tokenizer(),
        choices,
        logprobs,
        streamed,
        options.map(o -> o.flag("include_usage", false)).orElse(false),
        framing);
  }

  /** Returns how many tokens the context leaves to every answer. */
  private static int room(ServedModel model, List<Prompt> prompts) {
    int longest = prompts.stream().mapToInt(prompt -> prompt.tokens().length).max().orElse(0);
    int context = model.scheduler().settings().maxContext();
    if (longest >= context) {
      throw new ApiException(
          ApiException.Kind.TOO_LONG,
          ("the prompt has %d tokens, which leaves no room for an answer: this model's maximum"
                  + " context is %d tokens")
              .formatted(longest, context),
          Optional.of("prompt"));
    }
    return context - longest;
  }

  private static void refuse(JsonFields fields, String... keys) {
    for (String key : keys) {
      Optional<JsonElement> value = fields.get(key);
      if (value.isPresent() && !isEmpty(value.get())) {
        throw ApiException.invalid(key, "not supported by this server; leave it out");
      }
    }
  }

  private static boolean isEmpty(JsonElement value) {
    return value.isJsonArray()
        ? value.getAsJsonArray().isEmpty()
        : value.isJsonObject() ? value.getAsJsonObject().isEmpty() : value.getAsString().isEmpty();
  }

  private static void requireTextFormat(JsonFields fields) {
    fields
        .object("response_format")
        .flatMap(format -> format.string("type"))
        .filter(type -> !"text".equals(type))
        .ifPresent(
            type -> {
              throw ApiException.invalid(
                  "response_format.type",
                  "expected \"text\", got \"%s\": this server does not constrain answers"
                      .formatted(type));
            });
  }

  private static List<Prompt> prompts(ServedModel model, JsonFields fields) {
    JsonElement prompt =
        fields
            .get("prompt")
            .orElseThrow(
                () -> ApiException.invalid("prompt", "expected a string or an array, got nothing"));
    if (!prompt.isJsonArray()) {
      return List.of(Prompts.encode(model, "prompt", JsonFields.string("prompt", prompt), true));
    }
    JsonArray array = prompt.getAsJsonArray();
    if (array.isEmpty()) {
      throw ApiException.invalid("prompt", "expected at least one prompt, got an empty array");
    }
    JsonElement first = array.get(0);
    if (first.isJsonPrimitive() && first.getAsJsonPrimitive().isNumber()) {
      return List.of(Prompts.ofTokens(model, "prompt", TokenIds.array("prompt", array)));
    }
    List<Prompt> prompts = new ArrayList<>();
    for (int i = 0; i < array.size(); i++) {
      String key = "prompt[%d]".formatted(i);
      JsonElement element = array.get(i);
      prompts.add(
          element.isJsonArray()
              ? Prompts.ofTokens(model, key, TokenIds.array(key, element))
              : Prompts.encode(model, key, JsonFields.string(key, element), true));
    }
    return prompts;
  }

  private static SamplingParameters sampling(
      ServedModel model, JsonFields fields, int most, OptionalInt logprobs) {
    GenerationDefaults defaults = model.defaults();
    SamplingParameters.Builder builder = SamplingParameters.builder();
    defaults.topP().ifPresent(builder::topP);
    defaults.topK().ifPresent(value -> builder.topK(Math.max(0, value)));
    defaults.minP().ifPresent(builder::minP);
    defaults.repetitionPenalty().ifPresent(builder::repetitionPenalty);
    Sampling.common(fields, builder);
    return builder
        .temperature(
            Sampling.temperature(fields, MOST_TEMPERATURE).orElse(defaults.temperature().orElse(1)))
        .maxNewTokens(most)
        .logprobs(logprobs.isPresent())
        .topLogprobs(logprobs.orElse(0))
        .stops(Sampling.stops(fields, "stop"))
        .ignoreEos(fields.flag("ignore_eos", false))
        .build();
  }
}
