package io.calm.checkpoint.storage;

/**
 * Decoders for ggml's block types with 32 elements per block. Products are exact in float32 (an
 * 11-bit significand times a code of at most 8 bits). A sum with a minimum is rounded once, so
 * results are bit-identical to ggml's.
 *
 * <p>4-bit codes: byte j of a block holds element j in its low nibble and element j + 16 in its
 * high nibble. The fifth bits of 5-bit codes are in a separate 32-bit word, bit j for element j.
 */
final class BlockDecoders {
  private static final int BLOCK = 32;
  private static final int HALF = BLOCK / 2;

  private BlockDecoders() {}

  /** Block: float16 d, int8 q[32]; w = d * q. */
  static void q8v0(byte[] source, int from, float[] target, int count) {
    for (int e = 0, at = from; e < count; e += BLOCK, at += 34) {
      float d = LittleEndian.float16(source, at);
      for (int j = 0; j < BLOCK; j++) {
        target[e + j] = d * source[at + 2 + j];
      }
    }
  }

  /** Block: float16 d, 16 bytes of nibbles; w = d * (q - 8). */
  static void q4v0(byte[] source, int from, float[] target, int count) {
    for (int e = 0, at = from; e < count; e += BLOCK, at += 18) {
      float d = LittleEndian.float16(source, at);
      for (int j = 0; j < HALF; j++) {
        int pair = source[at + 2 + j];
        target[e + j] = d * (low(pair) - 8);
        target[e + j + HALF] = d * (high(pair) - 8);
      }
    }
  }

  /** Block: float16 d, float16 m, 16 bytes of nibbles; w = d * q + m. */
  static void q4v1(byte[] source, int from, float[] target, int count) {
    for (int e = 0, at = from; e < count; e += BLOCK, at += 20) {
      float d = LittleEndian.float16(source, at);
      float m = LittleEndian.float16(source, at + 2);
      for (int j = 0; j < HALF; j++) {
        int pair = source[at + 4 + j];
        target[e + j] = d * low(pair) + m;
        target[e + j + HALF] = d * high(pair) + m;
      }
    }
  }

  /** Block: float16 d, 32 fifth bits, 16 bytes of nibbles; w = d * (q - 16). */
  static void q5v0(byte[] source, int from, float[] target, int count) {
    for (int e = 0, at = from; e < count; e += BLOCK, at += 22) {
      float d = LittleEndian.float16(source, at);
      int word = LittleEndian.int32(source, at + 2);
      for (int j = 0; j < HALF; j++) {
        int pair = source[at + 6 + j];
        target[e + j] = d * ((low(pair) + fifth(word, j)) - 16);
        target[e + j + HALF] = d * ((high(pair) + fifth(word, j + HALF)) - 16);
      }
    }
  }

  /** Block: float16 d, float16 m, 32 fifth bits, 16 bytes of nibbles; w = d * q + m. */
  static void q5v1(byte[] source, int from, float[] target, int count) {
    for (int e = 0, at = from; e < count; e += BLOCK, at += 24) {
      float d = LittleEndian.float16(source, at);
      float m = LittleEndian.float16(source, at + 2);
      int word = LittleEndian.int32(source, at + 4);
      for (int j = 0; j < HALF; j++) {
        int pair = source[at + 8 + j];
        target[e + j] = d * (low(pair) + fifth(word, j)) + m;
        target[e + j + HALF] = d * (high(pair) + fifth(word, j + HALF)) + m;
      }
    }
  }

  private static int low(int pair) {
    return pair & 15;
  }

  private static int high(int pair) {
    return (pair >> 4) & 15;
  }

  private static int fifth(int word, int element) {
    return ((word >>> element) & 1) << 4;
  }
}
