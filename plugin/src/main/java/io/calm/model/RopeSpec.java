package io.calm.model;

/**
 * Rotary position embedding (arXiv 2104.09864), rotating pairs (i, i + headDim/2).
 *
 * @param theta base of the frequencies
 * @param scaling how the frequencies are stretched for long contexts
 */
public record RopeSpec(float theta, Scaling scaling) {

  /** How rotary frequencies are stretched beyond the trained context. */
  public sealed interface Scaling {}

  /** Frequencies as trained. */
  public record None() implements Scaling {}

  /** Every frequency divided by {@code factor}. */
  public record Linear(float factor) implements Scaling {}

  /** LLaMA 3.1's smooth interpolation between kept and divided frequencies. */
  public record Llama3(
      float factor, float lowFrequencyFactor, float highFrequencyFactor, int originalContext)
      implements Scaling {}

  /**
   * YaRN (arXiv 2309.00071), as Hugging Face transformers computes it.
   *
   * @param attentionFactor multiplies cos and sin
   */
  public record Yarn(
      float factor,
      float betaFast,
      float betaSlow,
      int originalContext,
      float attentionFactor,
      boolean truncate)
      implements Scaling {}

  /** GGUF's {@code rope_freqs.weight}: each frequency divided by its own factor [headDim/2]. */
  @SuppressWarnings("ArrayRecordComponent") // a short table, read only
  public record Factors(float[] divisors) implements Scaling {}
}
