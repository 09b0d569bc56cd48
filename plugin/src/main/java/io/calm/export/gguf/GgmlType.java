package io.calm.export.gguf;

/** The tensor types of ggml that an export writes. */
enum GgmlType {
  F32(0, 1, 4),
  F16(1, 1, 2),
  /** Blocks of 32: float16 scale, float16 minimum, 32 codes of 4 bits. */
  Q4_1(3, GgmlType.BLOCK, 20),
  /** Blocks of 32: float16 scale, 32 codes of 8 bits. */
  Q8_0(8, GgmlType.BLOCK, 34);

  /** Elements of a quantized block. */
  static final int BLOCK = 32;

  private final int number;
  private final int elements;
  private final int bytes;

  GgmlType(int number, int elements, int bytes) {
    this.number = number;
    this.elements = elements;
    this.bytes = bytes;
  }

  /** Returns the number of the type in a file. */
  int number() {
    return number;
  }

  /** Returns the size of a row in bytes. */
  int rowBytes(int columns) {
    if (columns % elements != 0) {
      throw new IllegalArgumentException(
          "%s: a row of %d elements has no whole blocks of %d".formatted(this, columns, elements));
    }
    return Math.multiplyExact(columns / elements, bytes);
  }
}
