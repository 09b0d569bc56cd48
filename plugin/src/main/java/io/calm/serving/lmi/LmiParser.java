package io.calm.serving.lmi;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.calm.generate.SamplingParameters;
import io.calm.serving.LmiOptions;
import io.calm.serving.ServedModel;
import io.calm.serving.api.ApiException;
import io.calm.serving.api.JsonFields;
import io.calm.serving.api.Prompt;
import io.calm.serving.api.Prompts;
import io.calm.serving.api.Sampling;
import io.calm.serving.api.TextRequest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Reads a body of DJL's schema. Greedy unless a sampling parameter is given. */
public final class LmiParser {
  private static final Logger logger = LoggerFactory.getLogger(LmiParser.class);
  private static final int MOST_CHOICES = 128;
  private static final double MOST_TEMPERATURE = 100;
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
          "stop",
          "stop_sequences",
          "stop_token_ids",
          "seed",
          "ignore_eos_token",
          "return_full_text",
          "truncate",
          "n",
          "best_of",
          "details",
          "decoder_input_details");

  private LmiParser() {}

  /**
   * Reads a request.
   *
   * @param accept the client's Accept header; empty where it has none
   * @throws ApiException if it cannot be answered
   */
  public static TextRequest parse(ServedModel model, JsonObject body, String accept) {
    JsonFields fields = new JsonFields(body);
    JsonFields parameters =
        fields.object("parameters").orElseGet(() -> new JsonFields(new JsonObject()));
    if (fields.has("adapters") || parameters.has("adapters")) {
      throw ApiException.invalid(
          "adapters", "expected none, got some; this server has no adapters, leave the key out");
    }
    List<String> unknown =
        parameters.keys().stream().filter(key -> !KNOWN.contains(key)).sorted().toList();
    if (!unknown.isEmpty()) {
      logger.info("model {}: ignored parameters {}", model.name(), unknown);
    }
    int shown = parameters.integer("n", 1, MOST_CHOICES).orElse(1);
    int choices = parameters.integer("best_of", 1, MOST_CHOICES).orElse(shown);
    if (choices < shown) {
      throw ApiException.invalid(
          parameters.name("best_of"), "expected at least n = %d, got %d".formatted(shown, choices));
    }
    LmiDetails details = details(model.lmi(), fields, parameters, accept, Math.max(shown, 1));
    List<Prompt> prompts = prompts(model, fields, parameters);
    requireStreamable(details, prompts, choices);
    return new TextRequest(
        prompts,
        choices,
        Sampling.checked(() -> sampling(parameters)),
        Sampling.stopTokens(parameters),
        details.prefill() ? OptionalInt.of(0) : OptionalInt.empty(),
        new LmiFormat(model.tokenizer(), choices, details));
  }

  private static LmiDetails details(
      LmiOptions options, JsonFields fields, JsonFields parameters, String accept, int best) {
    boolean details = parameters.flag("details", options.tgiCompat());
    boolean lines = accept.contains("application/jsonlines");
    boolean events = accept.contains("text/event-stream");
    return new LmiDetails(
        details,
        details && parameters.flag("decoder_input_details", false),
        parameters.flag("return_full_text", false),
        fields.get("inputs").filter(JsonElement::isJsonArray).isPresent(),
        best,
        fields.flag("stream", false),
        events || (!lines && (options.sse() || options.tgiCompat())),
        options.tgiCompat());
  }

  private static void requireStreamable(LmiDetails details, List<Prompt> prompts, int choices) {
    if (!details.streamed()) {
      return;
    }
    if (prompts.size() > 1) {
      throw ApiException.invalid(
          "stream",
          "expected one input where it is true, got %d; send one request for each"
              .formatted(prompts.size()));
    }
    if (choices > 1) {
      throw ApiException.invalid(
          "stream", "expected n and best_of 1 where it is true, got " + choices);
    }
    if (details.prefill()) {
      throw ApiException.invalid(
          "stream", "expected no parameters.decoder_input_details where it is true");
    }
  }

  private static List<Prompt> prompts(ServedModel model, JsonFields fields, JsonFields parameters) {
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
      if (!inputs.isJsonPrimitive()) {
        throw JsonFields.mismatch("inputs", "a string or an array of strings", inputs);
      }
      return List.of(prompt(model, "inputs", inputs, truncate));
    }
    JsonArray array = inputs.getAsJsonArray();
    if (array.isEmpty()) {
      throw ApiException.invalid("inputs", "expected at least one string, got an empty array");
    }
    List<Prompt> prompts = new ArrayList<>();
    for (int i = 0; i < array.size(); i++) {
      prompts.add(prompt(model, "inputs[%d]".formatted(i), array.get(i), truncate));
    }
    return prompts;
  }

  private static Prompt prompt(
      ServedModel model, String key, JsonElement value, OptionalInt truncate) {
    String text = JsonFields.string(key, value);
    if (truncate.isEmpty()) {
      return Prompts.encode(model, key, text, true);
    }
    int[] tokens = model.tokenizer().encode(text, true);
    int from = Math.max(0, tokens.length - truncate.getAsInt());
    return Prompts.checked(
        model, key, new Prompt(text, Arrays.copyOfRange(tokens, from, tokens.length)));
  }

  private static SamplingParameters sampling(JsonFields parameters) {
    SamplingParameters.Builder builder = SamplingParameters.builder();
    Sampling.common(parameters, builder);
    OptionalInt most = parameters.integer("max_new_tokens", 1, Integer.MAX_VALUE);
    if (most.isEmpty()) {
      most = parameters.integer("max_tokens", 1, Integer.MAX_VALUE);
    }
    most.ifPresent(builder::maxNewTokens);
    Optional<Double> temperature = Sampling.temperature(parameters, MOST_TEMPERATURE);
    boolean asked =
        List.of("temperature", "top_k", "top_p", "min_p").stream().anyMatch(parameters::has);
    boolean sample = parameters.flag("do_sample").orElse(asked);
    builder.temperature(sample ? temperature.orElse(1.0) : 0);
    return builder
        .stops(Sampling.stops(parameters, "stop", "stop_sequences"))
        .ignoreEos(parameters.flag("ignore_eos_token", false))
        .build();
  }
}
