package io.calm.checkpoint.storage;

import io.calm.checkpoint.CheckpointException;
import io.calm.files.FileStamp;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.text.Printable;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A tensor in a file, validated to lie inside it. Data is read on request only. Viewed as a matrix
 * [rows, columns]: the last dimension is a row, the product of all others is the number of rows.
 * Thread safe.
 */
public final class StoredTensor {
  private static final int MAX_ROW = 1 << 28;

  private final CheckpointFile file;
  private final String name;
  private final TensorType type;
  private final List<Long> shape;
  private final long offset;
  private final long rows;
  private final int columns;
  private final int rowBytes;

  /**
   * Describes a tensor.
   *
   * @param shape outermost dimension first
   * @param offset offset of the first byte from the start of the file
   * @throws CheckpointException if the shape is negative or too large, a row is not a whole number
   *     of blocks, or the data lies outside the file
   */
  public StoredTensor(
      CheckpointFile file, String name, TensorType type, List<Long> shape, long offset) {
    this.file = file;
    this.name = name;
    this.type = type;
    this.shape = List.copyOf(shape);
    this.offset = offset;
    long last = shape.isEmpty() ? 1 : shape.get(shape.size() - 1);
    if (shape.stream().anyMatch(n -> n < 0)
        || last > MAX_ROW
        || type.bytes(last) > Integer.MAX_VALUE) {
      throw refused(
          "dimensions of at least 0 and at most 2^28 elements and 2^31 - 1 bytes per row",
          this.shape,
          "the header is damaged");
    }
    if (last % type.blockElements() != 0) {
      throw refused(
          "rows of whole %s blocks of %d".formatted(type, type.blockElements()),
          this.shape,
          "convert the checkpoint again");
    }
    this.columns = (int) last;
    this.rows = last == 0 ? 0 : count(shape) / last;
    this.rowBytes = Math.toIntExact(type.bytes(columns));
    requireInside();
  }

  private long count(List<Long> dimensions) {
    long count = 1;
    try {
      for (long n : dimensions) {
        count = Math.multiplyExact(count, n);
      }
      Math.multiplyExact(count, 8);
    } catch (ArithmeticException e) {
      throw refused("a size below 2^63", dimensions, "the header is damaged");
    }
    return count;
  }

  private void requireInside() {
    if (offset < 0 || offset > file.size() || byteSize() > file.size() - offset) {
      throw refused(
          "%d bytes at offset %d".formatted(byteSize(), offset),
          "a file of %d bytes".formatted(file.size()),
          "the file is truncated or damaged: download it again");
    }
  }

  private CheckpointException refused(Object expected, Object got, String remedy) {
    return CheckpointException.refused(where(), expected, got, remedy);
  }

  /** Returns the file and the tensor's name, for error messages. */
  public String where() {
    return "%s: tensor %s".formatted(file.path(), Printable.of(name));
  }

  public String name() {
    return name;
  }

  /** Closes the file that contains the tensor, and with it all of the file's tensors. */
  void closeFile() {
    file.close();
  }

  /** Returns the file that contains the tensor. */
  public Path file() {
    return file.path();
  }

  /** Returns the stamp of the file that contains the tensor, as it was opened. */
  public FileStamp stamp() {
    return file.stamp();
  }

  public TensorType type() {
    return type;
  }

  /** Returns the shape, outermost dimension first. */
  public List<Long> shape() {
    return shape;
  }

  /** Returns the offset of the first byte from the start of the file. */
  public long offset() {
    return offset;
  }

  /** Returns the size of the data in the file, in bytes. */
  public long byteSize() {
    return rows * rowBytes;
  }

  /** Returns the product of all dimensions but the last. */
  public long rows() {
    return rows;
  }

  /** Returns the last dimension; 1 for a scalar. */
  public int columns() {
    return columns;
  }

  /** Returns the size of a row in bytes. */
  public int rowBytes() {
    return rowBytes;
  }

  /**
   * Reads the whole tensor as float32.
   *
   * @return [rows, columns], outside the heap
   * @throws CheckpointException if the file was truncated or cannot be read
   */
  public Matrix read() {
    return read(0, Math.toIntExact(rows), RowOrder.AS_STORED);
  }

  /**
   * Reads rows {@code from} (inclusive) to {@code to} (exclusive) as float32.
   *
   * @param order order in which the file stores the rows
   * @return [to - from, columns], outside the heap
   * @throws CheckpointException if the file was truncated or cannot be read
   */
  public Matrix read(int from, int to, RowOrder order) {
    Objects.checkFromToIndex((long) from, to, rows);
    Matrix matrix = Matrix.allocate(to - from, columns);
    byte[] stored = new byte[rowBytes];
    float[] row = new float[columns];
    for (int r = from; r < to; r++) {
      readRow(order.stored(r), stored);
      type.decode(stored, 0, row, columns);
      matrix.writeRow(r - from, row);
    }
    return matrix;
  }

  /**
   * Reads all elements as float32 into an array; for vectors and small tensors.
   *
   * @param order order in which the file stores the elements
   */
  public float[] readVector(RowOrder order) {
    int length = Math.toIntExact(Math.multiplyExact(rows, columns));
    float[] vector = new float[length];
    byte[] stored = new byte[rowBytes];
    float[] row = new float[columns];
    for (int r = 0; r < rows; r++) {
      readRow(r, stored);
      type.decode(stored, 0, row, columns);
      System.arraycopy(row, 0, vector, r * columns, columns);
    }
    if (order == RowOrder.AS_STORED) {
      return vector;
    }
    float[] ordered = new float[length];
    for (int i = 0; i < length; i++) {
      ordered[i] = vector[order.stored(i)];
    }
    return ordered;
  }

  /** Returns whether {@code other} has the same shape and the same float32 values; reads both. */
  public boolean hasValuesOf(StoredTensor other) {
    if (!shape.equals(other.shape)) {
      return false;
    }
    byte[] mine = new byte[rowBytes];
    byte[] others = new byte[other.rowBytes];
    float[] values = new float[columns];
    float[] otherValues = new float[columns];
    for (long r = 0; r < rows; r++) {
      readRow(r, mine);
      other.readRow(r, others);
      if (type == other.type && Arrays.equals(mine, others)) {
        continue;
      }
      type.decode(mine, 0, values, columns);
      other.type.decode(others, 0, otherValues, columns);
      for (int c = 0; c < columns; c++) {
        if (values[c] != otherValues[c]) {
          return false;
        }
      }
    }
    return true;
  }

  /**
   * Reads and checks every value, on all threads.
   *
   * @param limit maximum magnitude
   * @throws CheckpointException if a value is not finite or is larger; the message names the first
   */
  void requireWithin(float limit, Parallel parallel) {
    AtomicLong first = new AtomicLong(Long.MAX_VALUE);
    parallel.ranges(
        Math.toIntExact(rows),
        (from, to) -> {
          byte[] stored = new byte[rowBytes];
          float[] row = new float[columns];
          for (int r = from; r < to && r < first.get(); r++) {
            readRow(r, stored);
            type.decode(stored, 0, row, columns);
            if (indexOutside(row, limit) >= 0) {
              first.accumulateAndGet(r, Math::min);
              return;
            }
          }
        });
    if (first.get() != Long.MAX_VALUE) {
      throw outside(first.get(), limit);
    }
  }

  private CheckpointException outside(long at, float limit) {
    byte[] stored = new byte[rowBytes];
    float[] row = new float[columns];
    readRow(at, stored);
    type.decode(stored, 0, row, columns);
    int column = indexOutside(row, limit);
    return CheckpointException.refused(
        shape.size() < 2
            ? "%s, element %d".formatted(where(), column)
            : "%s, row %d, column %d".formatted(where(), at, column),
        limit == Float.MAX_VALUE
            ? "a finite number"
            : "a finite number of magnitude at most %s, the maximum of float16".formatted(limit),
        row[column],
        "the weights are damaged: download the file again, or convert them again from the original");
  }

  /** Returns the index of the first value that is NaN or larger than {@code limit}; -1 if none. */
  private static int indexOutside(float[] values, float limit) {
    for (int i = 0; i < values.length; i++) {
      if (!(Math.abs(values[i]) <= limit)) {
        return i;
      }
    }
    return -1;
  }

  /** Reads the bytes of stored row {@code row} into the start of {@code target}. */
  void readRow(long row, byte[] target) {
    Objects.checkIndex(row, rows);
    file.read(offset + row * rowBytes, target, rowBytes);
  }

  @Override
  public String toString() {
    return "%s %s %s".formatted(name, type, shape);
  }
}
