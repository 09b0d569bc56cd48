package io.calm.runtime;

import io.calm.model.RopeSpec;

/** Computes inverse frequencies [headDim/2] for each {@link RopeSpec.Scaling}, in float32. */
final class RotaryFrequencies {
  private RotaryFrequencies() {}

  static float[] of(RopeSpec rope, int headDim) {
    float[] plain = plain(rope.theta(), headDim);
    RopeSpec.Scaling scaling = rope.scaling();
    if (scaling instanceof RopeSpec.Linear linear) {
      return linear(plain, linear.factor());
    }
    if (scaling instanceof RopeSpec.Llama3 llama3) {
      return llama3(plain, llama3);
    }
    if (scaling instanceof RopeSpec.Yarn yarn) {
      return yarn(rope.theta(), headDim, yarn);
    }
    if (scaling instanceof RopeSpec.Factors factors) {
      return divided(plain, factors.divisors());
    }
    return plain;
  }

  /** Returns theta^(2i / headDim), the wavelengths divided by 2 pi. */
  private static float[] powers(float theta, int headDim) {
    float[] powers = new float[headDim / 2];
    for (int i = 0; i < powers.length; i++) {
      powers[i] = (float) StrictMath.pow(theta, (float) (2 * i) / headDim);
    }
    return powers;
  }

  private static float[] plain(float theta, int headDim) {
    float[] frequencies = powers(theta, headDim);
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = 1 / frequencies[i];
    }
    return frequencies;
  }

  private static float[] linear(float[] plain, float factor) {
    float[] scaled = plain.clone();
    for (int i = 0; i < scaled.length; i++) {
      scaled[i] /= factor;
    }
    return scaled;
  }

  /** Divides long wavelengths, keeps short ones, and interpolates between them. */
  private static float[] llama3(float[] plain, RopeSpec.Llama3 scaling) {
    float factor = scaling.factor();
    float low = scaling.lowFrequencyFactor();
    float high = scaling.highFrequencyFactor();
    float context = scaling.originalContext();
    float[] scaled = new float[plain.length];
    for (int i = 0; i < plain.length; i++) {
      float wave = (float) (2 * Math.PI) / plain[i];
      if (wave > context / low) {
        scaled[i] = plain[i] / factor;
      } else if (wave < context / high) {
        scaled[i] = plain[i];
      } else {
        float smooth = (context / wave - low) / (high - low);
        scaled[i] = (1 - smooth) * plain[i] / factor + smooth * plain[i];
      }
    }
    return scaled;
  }

  /** Applies NTK-by-parts (arXiv 2309.00071, section 3.2). */
  private static float[] yarn(float theta, int headDim, RopeSpec.Yarn scaling) {
    double low = correction(scaling.betaFast(), theta, headDim, scaling.originalContext());
    double high = correction(scaling.betaSlow(), theta, headDim, scaling.originalContext());
    if (scaling.truncate()) {
      low = Math.floor(low);
      high = Math.ceil(high);
    }
    low = Math.max(low, 0);
    high = Math.min(high, headDim - 1);
    if (low == high) {
      high += 0.001;
    }
    float[] scaled = powers(theta, headDim);
    for (int i = 0; i < scaled.length; i++) {
      float ramp = (i - (float) low) / (float) (high - low);
      float interpolated = Math.max(0, Math.min(1, ramp));
      float kept = 1 - interpolated;
      scaled[i] = 1 / (scaling.factor() * scaled[i]) * (1 - kept) + 1 / scaled[i] * kept;
    }
    return scaled;
  }

  /** Returns the pair that rotates {@code rotations} times within the original context. */
  private static double correction(float rotations, float theta, int headDim, int context) {
    return headDim
        * StrictMath.log(context / (rotations * 2 * Math.PI))
        / (2 * StrictMath.log(theta));
  }

  private static float[] divided(float[] plain, float[] divisors) {
    if (divisors.length != plain.length) {
      throw new IllegalArgumentException(
          "rotary factors: expected %d divisors, got %d".formatted(plain.length, divisors.length));
    }
    float[] scaled = plain.clone();
    for (int i = 0; i < scaled.length; i++) {
      scaled[i] /= divisors[i];
    }
    return scaled;
  }
}
