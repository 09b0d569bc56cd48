package io.calm.checkpoint.storage;

/**
 * The storage type of a tensor's elements: single values, or ggml's quantized blocks along the last
 * dimension.
 */
public enum TensorType {
  F32(1, 4, true),
  F16(1, 2, true),
  BF16(1, 2, true),
  Q8_0(32, 34, true),
  Q4_0(32, 18, true),
  Q4_1(32, 20, true),
  Q5_0(32, 22, true),
  Q5_1(32, 24, true),
  Q4_K(256, 144, true),
  Q5_K(256, 176, true),
  Q6_K(256, 210, true),
  F64(1, 8, false),
  BOOL(1, 1, false),
  U8(1, 1, false),
  I8(1, 1, false),
  I32(1, 4, false),
  I64(1, 8, false);

  private final int blockElements;
  private final int blockBytes;
  private final boolean weight;

  TensorType(int blockElements, int blockBytes, boolean weight) {
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
    this.weight = weight;
  }

  /** Returns the number of elements per block; 1 for types without blocks. */
  public int blockElements() {
    return blockElements;
  }

  /** Returns the size of a block in bytes. */
  public int blockBytes() {
    return blockBytes;
  }

  /** Returns whether this type is supported for weights. */
  public boolean isWeight() {
    return weight;
  }

  /**
   * Returns the size in bytes of {@code elements}, a whole number of blocks.
   *
   * @throws ArithmeticException if it overflows
   */
  long bytes(long elements) {
    return Math.multiplyExact(elements / blockElements, blockBytes);
  }

  /**
   * Decodes {@code count} elements, a whole number of blocks, to float32.
   *
   * @param source bytes as stored, from index {@code from} on
   * @param target receives the elements from index 0 on
   */
  void decode(byte[] source, int from, float[] target, int count) {
    switch (this) {
      case F32 -> PlainDecoders.float32(source, from, target, count);
      case F16 -> PlainDecoders.float16(source, from, target, count);
      case BF16 -> PlainDecoders.bfloat16(source, from, target, count);
      case Q8_0 -> BlockDecoders.q8v0(source, from, target, count);
      case Q4_0 -> BlockDecoders.q4v0(source, from, target, count);
      case Q4_1 -> BlockDecoders.q4v1(source, from, target, count);
      case Q5_0 -> BlockDecoders.q5v0(source, from, target, count);
      case Q5_1 -> BlockDecoders.q5v1(source, from, target, count);
      case Q4_K -> SuperBlockDecoders.q4k(source, from, target, count);
      case Q5_K -> SuperBlockDecoders.q5k(source, from, target, count);
      case Q6_K -> SuperBlockDecoders.q6k(source, from, target, count);
      case F64 -> PlainDecoders.float64(source, from, target, count);
      case BOOL, U8 -> PlainDecoders.unsigned8(source, from, target, count);
      case I8 -> PlainDecoders.signed8(source, from, target, count);
      case I32 -> PlainDecoders.signed32(source, from, target, count);
      case I64 -> PlainDecoders.signed64(source, from, target, count);
    }
  }
}
