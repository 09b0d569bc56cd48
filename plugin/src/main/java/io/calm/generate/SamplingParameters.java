package io.calm.generate;

import io.calm.model.SamplingRange;
import java.util.List;
import java.util.Map;

/**
 * Sampling parameters and stop conditions of a request. The order of operations is vLLM's: minimum
 * length, biases, penalties, temperature, top_k, top_p, min_p.
 *
 * @param maxNewTokens maximum number of tokens to generate; 0 only processes the prompt
 * @param minNewTokens number of tokens before an end of sequence or a stop string can end the
 *     answer; stop strings that start within them are ignored
 * @param temperature divides the logits; 0 (below 1e-5) is greedy
 * @param topK number of most likely tokens to sample from; 0 for all
 * @param topP minimum total probability of the smallest set of most likely tokens to sample from
 * @param minP minimum probability of a token, as a fraction of the most likely token's
 * @param repetitionPenalty divides positive and multiplies negative logits of tokens that occur in
 *     the prompt or the answer (arXiv 1909.05858); 1 for none
 * @param frequencyPenalty subtracted once per occurrence of the token in the answer
 * @param presencePenalty subtracted once if the token occurs in the answer
 * @param seed requests with equal parameters and seeds have equal answers, in every batch
 * @param logitBias added to the logits of these tokens; -100 bans and 100 forces in practice
 * @param stops strings that end the answer
 * @param includeStop whether the answer includes the stop string that ended it
 * @param logprobs whether to compute log-probabilities; otherwise they are NaN
 * @param topLogprobs number of alternatives to report with each token; requires {@code logprobs}
 */
public record SamplingParameters(
    int maxNewTokens,
    int minNewTokens,
    float temperature,
    int topK,
    float topP,
    float minP,
    float repetitionPenalty,
    float frequencyPenalty,
    float presencePenalty,
    Map<Integer, Float> logitBias,
    long seed,
    List<String> stops,
    boolean includeStop,
    boolean logprobs,
    int topLogprobs) {

  public static final int MAX_LOGPROBS = 20;
  public static final int MAX_STOPS = 32;
  public static final int MAX_STOP_LENGTH = 1024;
  public static final int MAX_BIAS = 100;
  public static final int MAX_BIASES = 4096;

  public SamplingParameters {
    stops = List.copyOf(stops);
    logitBias = Map.copyOf(logitBias);
    requireRange("max_new_tokens", maxNewTokens, 0, Integer.MAX_VALUE);
    requireRange("min_tokens", minNewTokens, 0, maxNewTokens);
    requireRange(SamplingRange.TEMPERATURE, temperature);
    requireRange("top_k", topK, 0, Integer.MAX_VALUE);
    requireRange(SamplingRange.TOP_P, topP);
    requireRange(SamplingRange.MIN_P, minP);
    requireRange(SamplingRange.REPETITION_PENALTY, repetitionPenalty);
    requireRange("frequency_penalty", frequencyPenalty, -2, 2);
    requireRange("presence_penalty", presencePenalty, -2, 2);
    requireRange("number of tokens in logit_bias", logitBias.size(), 0, MAX_BIASES);
    logitBias.forEach(
        (token, bias) -> requireRange("logit_bias." + token, bias, -MAX_BIAS, MAX_BIAS));
    requireRange("logprobs", topLogprobs, 0, MAX_LOGPROBS);
    if (topLogprobs > 0 && !logprobs) {
      throw new IllegalArgumentException(
          "logprobs: must be true if alternatives are requested, got false");
    }
    requireRange("number of stop strings", stops.size(), 0, MAX_STOPS);
    for (String stop : stops) {
      requireRange("length of a stop string", stop.length(), 1, MAX_STOP_LENGTH);
    }
  }

  private static void requireRange(SamplingRange range, float value) {
    if (!range.contains(value)) {
      throw outside(range.key(), range.toString(), value);
    }
  }

  private static void requireRange(String name, double value, double min, double max) {
    if (!(value >= min && value <= max)) { // also NaN
      throw outside(name, SamplingRange.plain(min) + " to " + SamplingRange.plain(max), value);
    }
  }

  private static IllegalArgumentException outside(String name, String range, double value) {
    return new IllegalArgumentException(
        "%s: expected %s, got %s".formatted(name, range, SamplingRange.plain(value)));
  }

  /** Returns whether the most likely token is always chosen. */
  public boolean greedy() {
    return temperature < 1e-5f;
  }

  /** Returns a builder with the defaults: greedy, at most 30 tokens. */
  public static Builder builder() {
    return new Builder();
  }

  /** Returns a builder with the values of this record. */
  public Builder toBuilder() {
    return new Builder()
        .maxNewTokens(maxNewTokens)
        .minNewTokens(minNewTokens)
        .temperature(temperature)
        .topK(topK)
        .topP(topP)
        .minP(minP)
        .repetitionPenalty(repetitionPenalty)
        .frequencyPenalty(frequencyPenalty)
        .presencePenalty(presencePenalty)
        .logitBias(logitBias)
        .seed(seed)
        .stops(stops)
        .includeStop(includeStop)
        .logprobs(logprobs)
        .topLogprobs(topLogprobs);
  }

  /** A builder of {@link SamplingParameters}; {@link #build} checks the ranges. */
  public static final class Builder {
    private int maxNewTokens = 30;
    private int minNewTokens;
    private float temperature;
    private int topK;
    private float topP = 1;
    private float minP;
    private float repetitionPenalty = 1;
    private float frequencyPenalty;
    private float presencePenalty;
    private Map<Integer, Float> logitBias = Map.of();
    private long seed;
    private List<String> stops = List.of();
    private boolean includeStop;
    private boolean logprobs = true;
    private int topLogprobs;

    private Builder() {}

    public Builder maxNewTokens(int value) {
      maxNewTokens = value;
      return this;
    }

    public Builder minNewTokens(int value) {
      minNewTokens = value;
      return this;
    }

    public Builder temperature(double value) {
      temperature = (float) value;
      return this;
    }

    public Builder topK(int value) {
      topK = value;
      return this;
    }

    public Builder topP(double value) {
      topP = (float) value;
      return this;
    }

    public Builder minP(double value) {
      minP = (float) value;
      return this;
    }

    public Builder repetitionPenalty(double value) {
      repetitionPenalty = (float) value;
      return this;
    }

    public Builder frequencyPenalty(double value) {
      frequencyPenalty = (float) value;
      return this;
    }

    public Builder presencePenalty(double value) {
      presencePenalty = (float) value;
      return this;
    }

    public Builder logitBias(Map<Integer, Float> value) {
      logitBias = value;
      return this;
    }

    public Builder seed(long value) {
      seed = value;
      return this;
    }

    public Builder stops(List<String> value) {
      stops = value;
      return this;
    }

    public Builder includeStop(boolean value) {
      includeStop = value;
      return this;
    }

    public Builder logprobs(boolean value) {
      logprobs = value;
      return this;
    }

    public Builder topLogprobs(int value) {
      topLogprobs = value;
      return this;
    }

    public SamplingParameters build() {
      return new SamplingParameters(
          maxNewTokens,
          minNewTokens,
          temperature,
          topK,
          topP,
          minP,
          repetitionPenalty,
          frequencyPenalty,
          presencePenalty,
          logitBias,
          seed,
          stops,
          includeStop,
          logprobs,
          topLogprobs);
    }
  }
}
