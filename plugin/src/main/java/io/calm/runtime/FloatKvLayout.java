package io.calm.runtime;

import io.calm.model.ModelSpec;
import io.calm.tensor.Float16;
import java.nio.FloatBuffer;
import java.util.Optional;

/**
 * The layout of a KV block in the Java decoder: float32 values, rounded to the precision of the
 * storage type when they are stored.
 *
 * <p>P is {@link Decoder#BLOCK_TOKENS}. For each layer, a block holds the keys
 * [kvHeads][headDim][P], then the values [kvHeads][P][headDim]. Keys of adjacent positions are
 * adjacent in memory, so the JIT compiler can vectorize the scores.
 */
final class FloatKvLayout {
  private static final float SMALLEST = 0x1p-100f;
  private static final float ROUNDER = 0x1.8p23f;

  private final int kvHeads;
  private final int headDim;
  private final int layers;
  private final Optional<KvType> type;

  /**
   * @param type storage type; empty to store values without rounding
   */
  FloatKvLayout(ModelSpec spec, Optional<KvType> type) {
    this.kvHeads = spec.kvHeads();
    this.headDim = spec.headDim();
    this.layers = spec.layers();
    this.type = type;
  }

  long blockBytes() {
    return 4L * layers * 2 * kvHeads * headDim * Decoder.BLOCK_TOKENS;
  }

  /** Returns the offset of the keys [headDim][P] of a layer's head in a block. */
  int keys(int layer, int head) {
    return (layer * 2 * kvHeads + head) * headDim * Decoder.BLOCK_TOKENS;
  }

  /** Returns the offset of the values [P][headDim] of a layer's head in a block. */
  int values(int layer, int head) {
    return ((layer * 2 + 1) * kvHeads + head) * headDim * Decoder.BLOCK_TOKENS;
  }

  /** Stores the key and the value of one head, {@code [at .. at + headDim)}, at a position. */
  void store(
      KvBlock block, int layer, int head, int position, float[] keys, float[] values, int at) {
    int slot = position % Decoder.BLOCK_TOKENS;
    put(block.floats(), keys(layer, head) + slot, Decoder.BLOCK_TOKENS, keys, at);
    put(block.floats(), values(layer, head) + slot * headDim, 1, values, at);
  }

  private void put(FloatBuffer target, int to, int stride, float[] source, int from) {
    float scale = type.equals(Optional.of(KvType.INT8)) ? scale(source, from) : 0;
    for (int d = 0; d < headDim; d++) {
      target.put(to + d * stride, stored(source[from + d], scale));
    }
  }

  private float stored(float value, float scale) {
    if (type.isEmpty()) {
      return value;
    }
    return type.get() == KvType.INT8
        ? code(value, scale) * scale
        : Float16.round(Math.max(-Float16.MAX_VALUE, Math.min(Float16.MAX_VALUE, value)));
  }

  private float scale(float[] source, int from) {
    float max = 0;
    for (int d = 0; d < headDim; d++) {
      max = Math.max(max, Math.abs(source[from + d]));
    }
    return max < SMALLEST ? 0 : max / 127;
  }

  private static float code(float value, float scale) {
    if (scale == 0) {
      return 0;
    }
    float code = (value / scale + ROUNDER) - ROUNDER;
    return Math.max(-127, Math.min(127, code));
  }
}
