package io.calm.serving.lmi;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.calm.generate.SamplingParameters;
import io.calm.serving.model.LmiOptions;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.Prompt;
import io.calm.serving.reply.Prompts;
import io.calm.serving.reply.RequestFields;
import io.calm.serving.reply.SamplingFields;
import io.calm.serving.reply.TextRequest;
import io.calm.serving.reply.UnsupportedKeys;
import io.calm.text.Printable;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads a body of DJL's schema. Sampling is greedy unless a sampling parameter is given. */
public final class LmiParser {
  private static final Logger logger = LoggerFactory.getLogger(LmiParser.class);
  private static final int MAX_CHOICES = 128;
  private static final int DEFAULT_TOKENS = 30;
  private static final double MAX_TEMPERATURE = 100;
  private static final String STREAM = "stream";
  private static final Set<String> KNOWN =
      Set.of(
          "max_new_tokens",
          "max_tokens",
          "do_sample",
          "temperature",
          "top_k",
          "top_p",
          "min_p",
          "repetition_penalty",
          "frequency_penalty",
          "presence_penalty",
          "logit_bias",
          "min_tokens",
          "stop",
          "stop_sequences",
          "stop_token_ids",
          "include_stop_str_in_output",
          "skip_special_tokens",
          "seed",
          "ignore_eos_token",
          "return_full_text",
          "truncate",
          "n",
          "best_of",
          "details",
          "decoder_input_details",
          STREAM);

  private LmiParser() {}

  /**
   * Reads a request.
   *
   * @param accept the client's Accept header; empty if absent
   * @throws ApiException if the request is invalid
   */
  public static TextRequest parse(ServedModel model, JsonObject body, String accept) {
    RequestFields fields = new RequestFields(body);
    RequestFields parameters =
        fields.object("parameters").orElseGet(() -> new RequestFields(new JsonObject()));
    if (fields.has("adapters") || parameters.has("adapters")) {
      throw ApiException.invalid(
          "adapters", "expected none, got some; this server has no adapters, leave the key out");
    }
    UnsupportedKeys.refuseVllm(parameters);
    UnsupportedKeys.refuse(parameters, List.of("grammar"));
    List<String> unknown =
        parameters.keys().stream().filter(key -> !KNOWN.contains(key)).sorted().toList();
    if (!unknown.isEmpty()) {
      logger.info(
          "model {}: ignored parameters {}",
          model.name(),
          Printable.of(String.join(", ", unknown)));
    }
    OptionalInt made = parameters.integer("best_of", 1, MAX_CHOICES);
    int shown = parameters.integer("n", 1, MAX_CHOICES).orElse(made.orElse(1));
    int choices = made.orElse(shown);
    if (choices < shown) {
      throw ApiException.invalid(
          parameters.name("best_of"), "expected at least n = %d, got %d".formatted(shown, choices));
    }
    LmiDetails details = details(model.lmi(), fields, parameters, accept, shown);
    requireStreamable(details, choices);
    List<Prompt> prompts = prompts(model, fields, parameters, choices);
    return new TextRequest(
        prompts,
        choices,
        SamplingFields.checked(
            () ->
                sampling(model, prompts, parameters)
                    .logprobs(details.scores() || choices > 1)
                    .build()),
        parameters.has("seed"),
        SamplingFields.endOfSequence(model, parameters, "ignore_eos_token"),
        !parameters.flag("skip_special_tokens", true),
        details.prefill() ? OptionalInt.of(0) : OptionalInt.empty(),
        details.streamed() && details.array()
            ? new LmiBatchFormat(details, prompts.size())
            : new LmiFormat(model.tokenizer(), choices, details));
  }

  private static LmiDetails details(
      LmiOptions options, RequestFields fields, RequestFields parameters, String accept, int best) {
    boolean details = parameters.flag("details", options.tgiCompat());
    boolean lines = accept.contains("application/jsonlines");
    boolean events = accept.contains("text/event-stream");
    return new LmiDetails(
        details,
        details && parameters.flag("decoder_input_details", false),
        parameters.flag("return_full_text", false),
        fields.get("inputs").filter(JsonElement::isJsonArray).isPresent(),
        best,
        fields.flag(STREAM).orElse(parameters.flag(STREAM, false)),
        events || (!lines && (options.sse() || options.tgiCompat())),
        options.tgiCompat());
  }

  private static void requireStreamable(LmiDetails details, int choices) {
    if (!details.streamed()) {
      return;
    }
    if (choices > 1) {
      throw ApiException.invalid(
          STREAM, "cannot be true with n or best_of above 1, got " + choices);
    }
    if (details.prefill()) {
      throw ApiException.invalid(STREAM, "cannot be true with parameters.decoder_input_details");
    }
    if (details.array() && details.fullText()) {
      throw ApiException.invalid(
          STREAM,
          "cannot be true with parameters.return_full_text if inputs is an array, whose lines have"
              + " generated text only; leave it out, or send each input by itself");
    }
  }

  private static List<Prompt> prompts(
      ServedModel model, RequestFields fields, RequestFields parameters, int choices) {
    JsonElement inputs =
        fields
            .get("inputs")
            .orElseThrow(
                () ->
                    ApiException.invalid(
                        "inputs",
                        "expected a string or an array of strings, got nothing; OpenAI's bodies"
                            + " have messages or prompt instead"));
    OptionalInt truncate = parameters.integer("truncate", 1, Integer.MAX_VALUE);
    if (!inputs.isJsonArray()) {
      Prompts.requireAdmissible(model, parameters.name("n"), 1, choices);
      String text = RequestFields.string("inputs", inputs, "a string or an array of strings");
      return List.of(prompt(model, "inputs", text, truncate));
    }
    JsonArray array = inputs.getAsJsonArray();
    if (array.isEmpty()) {
      throw ApiException.invalid("inputs", "expected at least one string, got an empty array");
    }
    Prompts.requireAdmissible(model, "inputs", array.size(), choices);
    List<Prompt> prompts = new ArrayList<>();
    for (int i = 0; i < array.size(); i++) {
      String key = "inputs[%d]".formatted(i);
      prompts.add(prompt(model, key, RequestFields.string(key, array.get(i)), truncate));
    }
    return prompts;
  }

  private static Prompt prompt(ServedModel model, String key, String text, OptionalInt truncate) {
    return truncate.isEmpty()
        ? Prompts.encode(model, key, text, true)
        : Prompts.encodeLast(model, key, text, truncate.getAsInt());
  }

  private static SamplingParameters.Builder sampling(
      ServedModel model, List<Prompt> prompts, RequestFields parameters) {
    SamplingParameters.Builder builder = SamplingParameters.builder();
    SamplingFields.common(parameters, model.spec().vocabulary(), builder);
    Optional<Double> temperature = SamplingFields.temperature(parameters, MAX_TEMPERATURE);
    boolean sample = parameters.flag("do_sample").orElse(asksForSampling(parameters));
    return builder
        .maxNewTokens(answerTokens(model, prompts, parameters))
        .temperature(sample ? temperature.orElse(1.0) : 0)
        .stops(SamplingFields.stops(parameters, "stop", "stop_sequences"));
  }

  /**
   * Returns the requested number of tokens; the default is 30, or fewer if the context has less
   * room.
   */
  private static int answerTokens(
      ServedModel model, List<Prompt> prompts, RequestFields parameters) {
    for (String key : List.of("max_new_tokens", "max_tokens")) {
      OptionalInt asked = parameters.integer(key, 1, Integer.MAX_VALUE);
      if (asked.isPresent()) {
        Prompts.requireRoom(model, prompts, key, asked.getAsInt());
        return asked.getAsInt();
      }
    }
    return Math.max(1, Math.min(DEFAULT_TOKENS, Prompts.room(model, prompts)));
  }

  /** Returns whether a sampling parameter is set to a value that enables sampling. */
  private static boolean asksForSampling(RequestFields parameters) {
    return parameters.has("temperature")
        || parameters.integer("top_k", -1, Integer.MAX_VALUE).orElse(0) > 0
        || parameters.number("top_p").orElse(1) < 1
        || parameters.number("min_p").orElse(0) > 0;
  }
}
