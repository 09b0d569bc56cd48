package io.calm.export.onnx;

/** An element type of ONNX tensors, with its number in {@code TensorProto.DataType}. */
enum OnnxType {
  FLOAT(1, 32),
  INT8(3, 8),
  INT32(6, 32),
  INT64(7, 64),
  BOOL(9, 8),
  FLOAT16(10, 16),
  DOUBLE(11, 64),
  /** Signed 4-bit integers, two in a byte, the first in the low nibble; since opset 21. */
  INT4(22, 4);

  private final int number;
  private final int bits;

  OnnxType(int number, int bits) {
    this.number = number;
    this.bits = bits;
  }

  int number() {
    return number;
  }

  /** Returns the size of {@code elements} elements in bytes. */
  long bytes(long elements) {
    return (elements * bits + 7) / 8;
  }
}
