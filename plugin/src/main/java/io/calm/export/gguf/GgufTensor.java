package io.calm.export.gguf;

import java.nio.ByteBuffer;

/**
 * A tensor of a GGUF file, which is computed row by row as it is written.
 *
 * @param rows number of rows; 1 for a vector
 * @param columns number of columns
 * @param isVector whether the file declares it with one dimension
 * @param row writes a row
 */
record GgufTensor(String name, GgmlType type, int rows, int columns, boolean isVector, Row row) {

  /** Writes one row into a little-endian buffer. */
  interface Row {
    void write(int row, ByteBuffer target);
  }

  /** Returns an F32 vector. */
  static GgufTensor vector(String name, float[] values) {
    return new GgufTensor(
        name,
        GgmlType.F32,
        1,
        values.length,
        true,
        (row, target) -> {
          for (float value : values) {
            target.putFloat(value);
          }
        });
  }

  /** Returns the size in bytes. */
  long size() {
    return (long) rows * type.rowBytes(columns);
  }
}
