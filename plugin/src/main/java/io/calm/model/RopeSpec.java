package io.calm.model;

/**
 * Parameters of the rotary position embedding (arXiv 2104.09864), which rotates pairs (i, i +
 * headDim/2). Values have bounds within which every angle is finite. A value out of bounds throws a
 * {@link SizeException}.
 *
 * @param theta base of the frequencies
 * @param scaling scaling of the frequencies for long contexts
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

  /** A method of scaling rotary frequencies beyond the trained context. */
  public sealed interface Scaling {}

  /** No scaling. */
  public record None() implements Scaling {}

  /** Linear scaling, which divides every frequency by {@code factor}. */
  public record Linear(float factor) implements Scaling {
    public Linear {
      requireFactor(factor);
    }
  }

  /** LLaMA 3.1's smooth interpolation between unscaled and divided frequencies. */
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
   * YaRN (arXiv 2309.00071), as implemented in Hugging Face transformers.
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

  /**
   * GGUF's {@code rope_freqs.weight}, which divides each frequency by its own factor [headDim/2].
   */
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
