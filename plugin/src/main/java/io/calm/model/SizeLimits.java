package io.calm.model;

/**
 * Upper bounds of a model's sizes. A larger size is of a damaged file, or of a model that is not
 * supported: products of sizes within the bounds fit their type, an int or a direct buffer of 2^31
 * - 1 bytes. The MLP of LLaMA 3.1 405B does not.
 */
record SizeLimits(
    int hidden, int layers, int heads, int kvHeads, int headDim, int intermediate, int vocabulary) {
  private static final int MAX_WIDTH = 1 << 16;
  private static final int MAX_ATTENTION_WIDTH = 1 << 17;
  private static final int MAX_INTERMEDIATE = 1 << 18;
  private static final int MAX_HEAD_DIM = 4096;
  private static final int MAX_VOCABULARY = 1 << 24;

  /** Maximum number of elements of a linear; its float32 values must fit in a direct buffer. */
  private static final long MAX_WEIGHTS = Integer.MAX_VALUE / 4;

  /**
   * Maximum number of key elements per token in all blocks, with as many value elements. Keys and
   * values of the 64 tokens of a KV block in float32 must fit in a direct buffer.
   */
  private static final long MAX_KEYS = Integer.MAX_VALUE / (2 * 4 * 64);

  /** Padding of a token table's rows; its columns are padded to {@link #GROUP}. */
  private static final int TILE = 64;

  private static final int GROUP = 128;

  void check() {
    requireBetween("hidden", hidden, 1, MAX_WIDTH);
    requireBetween("layers", layers, 1, ModelSpec.MAX_LAYERS);
    requireBetween("heads", heads, 1, MAX_ATTENTION_WIDTH);
    requireBetween("kvHeads", kvHeads, 1, heads);
    requireBetween("headDim", headDim, 2, MAX_HEAD_DIM);
    requireBetween("intermediate", intermediate, 1, MAX_INTERMEDIATE);
    requireBetween("vocabulary", vocabulary, 1, MAX_VOCABULARY);
    checkHeads();
    checkProducts();
  }

  private void checkHeads() {
    if (heads % kvHeads != 0) {
      throw new SizeException(
          "kvHeads", "a divisor of the %d query heads".formatted(heads), kvHeads);
    }
    if (heads / kvHeads > ModelSpec.MAX_SHARED_HEADS) {
      throw new SizeException(
          "kvHeads",
          "at most %d query heads per key-value head".formatted(ModelSpec.MAX_SHARED_HEADS),
          "%d for %d".formatted(heads, kvHeads));
    }
    if (headDim % 2 != 0) {
      throw new SizeException("headDim", "an even width, for rotary pairs", headDim);
    }
  }

  private void checkProducts() {
    long attention = Math.multiplyExact((long) heads, headDim);
    requireBetween("heads * headDim", attention, 2, MAX_ATTENTION_WIDTH);
    requireBetween(
        "heads * headDim * hidden", Math.multiplyExact(attention, hidden), 1, MAX_WEIGHTS);
    requireBetween(
        "intermediate * hidden", Math.multiplyExact((long) intermediate, hidden), 1, MAX_WEIGHTS);
    requireBetween(
        "layers * kvHeads * headDim",
        Math.multiplyExact(Math.multiplyExact((long) layers, kvHeads), headDim),
        1,
        MAX_KEYS);
    long table = Math.multiplyExact(padded(vocabulary, TILE), padded(hidden, GROUP));
    requireBetween("vocabulary * hidden", table, 1, Integer.MAX_VALUE);
  }

  private static long padded(long size, int multiple) {
    return (size + multiple - 1) / multiple * multiple;
  }

  static void requireBetween(String size, long value, long min, long max) {
    if (value < min || value > max) {
      throw new SizeException(size, "%d to %d".formatted(min, max), value);
    }
  }

  static void requireBetween(String size, float value, double min, double max) {
    if (!(value >= (float) min && value <= (float) max)) {
      throw new SizeException(size, "%s to %s".formatted(min, max), value);
    }
  }
}
