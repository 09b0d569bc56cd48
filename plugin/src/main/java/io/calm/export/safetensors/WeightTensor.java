package io.calm.export.safetensors;

import java.util.List;

/**
 * A tensor that is computed row by row as it is written.
 *
 * @param shape one dimension or two
 * @param row writes a row into an array of the length of the last dimension
 */
record WeightTensor(String name, List<Integer> shape, Row row) {
  WeightTensor {
    shape = List.copyOf(shape);
  }

  /** Writes one row. */
  interface Row {
    void write(int row, float[] target);
  }

  static WeightTensor vector(String name, float[] values) {
    return new WeightTensor(
        name,
        List.of(values.length),
        (row, target) -> System.arraycopy(values, 0, target, 0, values.length));
  }

  int rows() {
    return shape.size() == 1 ? 1 : shape.get(0);
  }

  int columns() {
    return shape.get(shape.size() - 1);
  }

  /** Returns the size in bytes. */
  long size(WeightType type) {
    return (long) type.bytes() * rows() * columns();
  }
}
