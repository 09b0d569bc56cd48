package io.calm.runtime;

import io.calm.model.RopeSpec;

/**
 * Cosines and sines of the rotary embedding (arXiv 2104.09864), rounded to float32 as in Hugging
 * Face transformers. The angle is position * inverse frequency, both in float32. Cosine and sine
 * are multiplied by YaRN's attention factor.
 *
 * <p>Pair i of a head rotates elements (i, i + headDim/2). Nothing is cached: a position costs
 * headDim cosines and sines. StrictMath makes the results bit-identical on every machine.
 * Immutable.
 */
public final class RotaryTable {
  private final float[] inverseFrequencies;
  private final float attentionFactor;

  private RotaryTable(float[] inverseFrequencies, float attentionFactor) {
    this.inverseFrequencies = inverseFrequencies;
    this.attentionFactor = attentionFactor;
  }

  /**
   * Creates the table for heads of {@code headDim} elements.
   *
   * @throws IllegalArgumentException if {@link RopeSpec.Factors} does not have headDim/2 divisors
   */
  public static RotaryTable of(RopeSpec rope, int headDim) {
    float[] frequencies = RotaryFrequencies.of(rope, headDim);
    float factor = rope.scaling() instanceof RopeSpec.Yarn yarn ? yarn.attentionFactor() : 1f;
    return new RotaryTable(frequencies, factor);
  }

  /** Returns headDim / 2. */
  public int pairs() {
    return inverseFrequencies.length;
  }

  /** Returns a copy of the inverse frequencies [pairs], scaling included. */
  float[] inverseFrequencies() {
    return inverseFrequencies.clone();
  }

  /**
   * Writes the {@link #pairs} cosines and sines of {@code position}, starting at {@code offset}.
   */
  public void fill(int position, float[] cosines, float[] sines, int offset) {
    for (int i = 0; i < inverseFrequencies.length; i++) {
      float angle = position * inverseFrequencies[i];
      cosines[offset + i] = (float) StrictMath.cos(angle) * attentionFactor;
      sines[offset + i] = (float) StrictMath.sin(angle) * attentionFactor;
    }
  }
}
