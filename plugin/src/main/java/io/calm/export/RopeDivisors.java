package io.calm.export;

import io.calm.model.RopeSpec;

/** The scaling of LLaMA 3.1 as one divisor per rotary frequency, which is how GGUF has it. */
public final class RopeDivisors {
  private RopeDivisors() {}

  /**
   * Returns the divisors [headDim/2]: 1 for short wavelengths, the factor for long ones, and an
   * interpolation between them.
   */
  public static float[] of(RopeSpec.Llama3 scaling, double theta, int headDim) {
    float[] divisors = new float[headDim / 2];
    double low = scaling.lowFrequencyFactor();
    double high = scaling.highFrequencyFactor();
    for (int i = 0; i < divisors.length; i++) {
      double rotations =
          scaling.originalContext() / (2 * Math.PI * Math.pow(theta, 2.0 * i / headDim));
      double kept = Math.max(0, Math.min(1, (rotations - low) / (high - low)));
      divisors[i] = (float) (1 / ((1 - kept) / scaling.factor() + kept));
    }
    return divisors;
  }
}
