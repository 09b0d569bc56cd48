package io.calm.runtime;

import io.calm.model.RopeSpec;

/**
 * Cosines and sines of the rotary embedding (arXiv 2104.09864), with the float32 roundings of
 * Hugging Face transformers: inverse frequencies in float32, angle = position * inverse frequency
 * in float32, then cos and sin, times the attention factor of YaRN.
 *
 * <p>Pair i of a head rotates elements (i, i + headDim/2). Nothing is cached: a position costs
 * headDim cosines and sines. StrictMath makes the table the same on every machine. Immutable.
 */
public final class RotaryTable {
  private final float[] inverseFrequencies;
  private final float attentionFactor;

  private RotaryTable(float[] inverseFrequencies, float attentionFactor) {
    this.inverseFrequencies = inverseFrequencies;
    this.attentionFactor = attentionFactor;
  }

  /**
   * Returns the table of heads of {@code headDim} elements.
   *
   * @throws IllegalArgumentException if {@link RopeSpec.Factors} has not headDim/2 divisors
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
  public float[] inverseFrequencies() {
    return inverseFrequencies.clone();
  }

  /** Returns what cosines and sines are multiplied with. */
  public float attentionFactor() {
    return attentionFactor;
  }

  /** Writes the {@link #pairs} cosines and sines of {@code position} from {@code offset} on. */
  public void fill(int position, float[] cosines, float[] sines, int offset) {
    for (int i = 0; i < inverseFrequencies.length; i++) {
      float angle = position * inverseFrequencies[i];
      cosines[offset + i] = (float) StrictMath.cos(angle) * attentionFactor;
      sines[offset + i] = (float) StrictMath.sin(angle) * attentionFactor;
    }
  }
}
