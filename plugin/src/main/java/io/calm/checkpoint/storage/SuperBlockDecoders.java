package io.calm.checkpoint.storage;

/**
 * Decoders for ggml's K types: super-blocks of 256 elements with quantized scales per sub-block.
 * Products are exact in float32 (at most 11 + 8 + 5 bits), so results are bit-identical to ggml's.
 */
final class SuperBlockDecoders {
  private static final int BLOCK = 256;

  private SuperBlockDecoders() {}

  /** Returns {@code width} bits of {@code value} from bit {@code shift} on. */
  private static int bits(byte value, int shift, int width) {
    return ((value & 0xff) >>> shift) & ((1 << width) - 1);
  }

  /** Returns the 6-bit scale {@code j} (0..7) of Q4_K and Q5_K, from the 12 bytes at {@code at}. */
  static int scale(byte[] source, int at, int j) {
    return j < 4
        ? bits(source[at + j], 0, 6)
        : bits(source[at + j + 4], 0, 4) + 16 * bits(source[at + j - 4], 6, 2);
  }

  /** Returns the 6-bit minimum {@code j} (0..7), likewise. */
  static int minimum(byte[] source, int at, int j) {
    return j < 4
        ? bits(source[at + j + 4], 0, 6)
        : bits(source[at + j + 4], 4, 4) + 16 * bits(source[at + j], 6, 2);
  }

  /**
   * Block: float16 d, float16 dmin, 12 bytes of scales and minimums, 128 bytes of nibbles; eight
   * sub-blocks of 32, w = d * scale * q - dmin * minimum. Each 32 bytes hold sub-block 2i in their
   * low nibbles and 2i + 1 in their high ones.
   */
  static void q4k(byte[] source, int from, float[] target, int count) {
    for (int e = 0, at = from; e < count; e += BLOCK, at += 144) {
      float d = LittleEndian.float16(source, at);
      float dmin = LittleEndian.float16(source, at + 2);
      for (int sub = 0; sub < 8; sub++) {
        float s = d * scale(source, at + 4, sub);
        float m = dmin * minimum(source, at + 4, sub);
        int codes = at + 16 + sub / 2 * 32;
        int shift = (sub & 1) * 4;
        for (int j = 0; j < 32; j++) {
          target[e + sub * 32 + j] = s * bits(source[codes + j], shift, 4) - m;
        }
      }
    }
  }

  /**
   * Block: as {@link #q4k}, with 32 bytes of fifth bits before the nibbles; bit i of byte j belongs
   * to element j of sub-block i.
   */
  static void q5k(byte[] source, int from, float[] target, int count) {
    for (int e = 0, at = from; e < count; e += BLOCK, at += 176) {
      float d = LittleEndian.float16(source, at);
      float dmin = LittleEndian.float16(source, at + 2);
      for (int sub = 0; sub < 8; sub++) {
        float s = d * scale(source, at + 4, sub);
        float m = dmin * minimum(source, at + 4, sub);
        int codes = at + 48 + sub / 2 * 32;
        int shift = (sub & 1) * 4;
        for (int j = 0; j < 32; j++) {
          int q = bits(source[codes + j], shift, 4) + 16 * bits(source[at + 16 + j], sub, 1);
          target[e + sub * 32 + j] = s * q - m;
        }
      }
    }
  }

  /**
   * Block: 128 bytes of low nibbles, 64 of high bit pairs, int8 scale[16], float16 d; sixteen
   * sub-blocks of 16, w = d * scale * (q - 32). Each half of 128 elements has four runs of 32. Runs
   * 0 and 2 are in the low and high nibbles of the first 32 bytes, runs 1 and 3 in those of the
   * second. The upper bits of run r are at bit 2r of the half's 32 bytes of bit pairs.
   */
  static void q6k(byte[] source, int from, float[] target, int count) {
    for (int e = 0, at = from; e < count; e += BLOCK, at += 210) {
      float d = LittleEndian.float16(source, at + 208);
      for (int half = 0; half < 2; half++) {
        for (int part = 0; part < 2; part++) {
          int low = at + half * 64 + part * 16;
          int high = at + 128 + half * 32 + part * 16;
          int scales = at + 192 + half * 8 + part;
          sixteen(source, low, high, scales, d, target, e + half * 128 + part * 16);
        }
      }
    }
  }

  /** Decodes 16 elements of each of the four runs of a half, those of one part of every run. */
  private static void sixteen(
      byte[] source, int low, int high, int scales, float d, float[] target, int to) {
    float s0 = d * source[scales];
    float s1 = d * source[scales + 2];
    float s2 = d * source[scales + 4];
    float s3 = d * source[scales + 6];
    for (int j = 0; j < 16; j++) {
      int first = source[low + j];
      int second = source[low + 32 + j];
      int upper = source[high + j];
      target[to + j] = s0 * (((first & 15) | ((upper & 3) << 4)) - 32);
      target[to + 32 + j] = s1 * (((second & 15) | ((upper & 12) << 2)) - 32);
      target[to + 64 + j] = s2 * ((((first >> 4) & 15) | (upper & 48)) - 32);
      target[to + 96 + j] = s3 * ((((second >> 4) & 15) | ((upper & 192) >> 2)) - 32);
    }
  }
}
