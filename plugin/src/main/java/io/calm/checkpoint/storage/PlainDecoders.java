package io.calm.checkpoint.storage;

/** Decoders for types without blocks: each element is stored on its own. */
final class PlainDecoders {
  private PlainDecoders() {}

  static void float32(byte[] source, int from, float[] target, int count) {
    for (int i = 0; i < count; i++) {
      target[i] = LittleEndian.float32(source, from + 4 * i);
    }
  }

  static void float16(byte[] source, int from, float[] target, int count) {
    for (int i = 0; i < count; i++) {
      target[i] = LittleEndian.float16(source, from + 2 * i);
    }
  }

  static void bfloat16(byte[] source, int from, float[] target, int count) {
    for (int i = 0; i < count; i++) {
      target[i] = LittleEndian.bfloat16(source, from + 2 * i);
    }
  }

  static void float64(byte[] source, int from, float[] target, int count) {
    for (int i = 0; i < count; i++) {
      target[i] = (float) Double.longBitsToDouble(LittleEndian.int64(source, from + 8 * i));
    }
  }

  static void unsigned8(byte[] source, int from, float[] target, int count) {
    for (int i = 0; i < count; i++) {
      target[i] = source[from + i] & 0xff;
    }
  }

  static void signed8(byte[] source, int from, float[] target, int count) {
    for (int i = 0; i < count; i++) {
      target[i] = source[from + i];
    }
  }

  static void signed32(byte[] source, int from, float[] target, int count) {
    for (int i = 0; i < count; i++) {
      target[i] = LittleEndian.int32(source, from + 4 * i);
    }
  }

  static void signed64(byte[] source, int from, float[] target, int count) {
    for (int i = 0; i < count; i++) {
      target[i] = LittleEndian.int64(source, from + 8 * i);
    }
  }
}
