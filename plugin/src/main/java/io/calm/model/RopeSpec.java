package io.calm.model;

/**
 * Rotary position embedding (arXiv 2104.09864), rotating pairs (i, i + headDim/2). Values have
 * bounds within which every angle is finite. A value out of bounds throws a {@link SizeException}.
 *
 * @param theta base of the frequencies
 * @param scaling how the frequencies are stretched for long contexts
 */
public record RopeSpec(float theta, Scaling scaling) {
  private static final double MAX_THETA = 1e30;
  private static final double MIN_FACTOR = 1e-3;
  private static final double MAX_FACTOR = 1e30;
  private static final double MAX_ROTATIONS = 1e6;

  public RopeSpec {
    SizeLimits.requireBetween("theta", theta, 1, MAX_THETA);
    if (scaling instanceof Yarn && theta == 1) {
      throw new SizeException("theta", "more than 1 for yarn", theta);
    }
  }

  /** How rotary frequencies are stretched beyond the trained context. */
  public sealed interface Scaling {}

  /** Frequencies as trained. */
  public record None() implements Scaling {}

  /** Every frequency divided by {@code factor}. */
  public record Linear(float factor) implements Scaling {
    public Linear {
      requireFactor(factor);
    }
  }

  /** LLaMA 3.1's smooth interpolation between kept and divided frequencies. */
  public record Llama3(
      float factor, float lowFrequencyFactor, float highFrequencyFactor, int originalContext)
      implements Scaling {
    public Llama3 {
      requireFactor(factor);
      SizeLimits.requireBetween("lowFrequencyFactor", lowFrequencyFactor, 1e-6, MAX_ROTATIONS);
      SizeLimits.requireBetween("highFrequencyFactor", highFrequencyFactor, 1e-6, MAX_ROTATIONS);
      if (highFrequencyFactor <= lowFrequencyFactor) {
        throw new SizeException(
            "highFrequencyFactor",
            "more than %s, the low factor".formatted(lowFrequencyFactor),
            highFrequencyFactor);
      }
      SizeLimits.requireBetween("originalContext", originalContext, 1, Integer.MAX_VALUE);
    }
  }

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
      implements Scaling {
    public Yarn {
      requireFactor(factor);
      SizeLimits.requireBetween("betaFast", betaFast, 1e-6, MAX_ROTATIONS);
      SizeLimits.requireBetween("betaSlow", betaSlow, 1e-6, MAX_ROTATIONS);
      SizeLimits.requireBetween("originalContext", originalContext, 1, Integer.MAX_VALUE);
      SizeLimits.requireBetween("attentionFactor", attentionFactor, 0, MAX_ROTATIONS);
    }
  }

  /** GGUF's {@code rope_freqs.weight}: each frequency divided by its own factor [headDim/2]. */
  @SuppressWarnings("ArrayRecordComponent") // a short table, read only
  public record Factors(float[] divisors) implements Scaling {
    public Factors {
      for (float divisor : divisors) {
        requireFactor(divisor);
      }
    }
  }

  private static void requireFactor(float factor) {
    SizeLimits.requireBetween("factor", factor, MIN_FACTOR, MAX_FACTOR);
  }
}
