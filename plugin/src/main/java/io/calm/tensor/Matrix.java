package io.calm.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Objects;

/**
 * A float32 matrix [rows, columns], row-major, outside the Java heap so that a 1 GiB heap holds no
 * weights.
 *
 * <p>Rows are read and written through the caller's {@code float[]} scratch, which the just-in-time
 * compiler vectorizes. Reads from several threads are safe; a write needs exclusive use of its row.
 * {@link #close} releases the memory if the owner gave a release action. Otherwise it is released
 * with the last reference: slices, {@link #bytes} and arrays of an engine share it, and freeing it
 * under one of them would turn a mistake into a crash. The JVM collects unreferenced buffers before
 * it refuses to allocate a direct one.
 */
public final class Matrix implements AutoCloseable {
  private final int rows;
  private final int columns;
  private final ByteBuffer bytes;
  private final FloatBuffer floats;
  private final Runnable release;

  private Matrix(int rows, int columns, ByteBuffer bytes, Runnable release) {
    this.rows = rows;
    this.columns = columns;
    this.bytes = bytes;
    this.floats = bytes.asFloatBuffer();
    this.release = release;
  }

  /** Returns a matrix of zeros. */
  public static Matrix allocate(int rows, int columns) {
    return new Matrix(rows, columns, direct(byteSize(rows, columns)), Matrix::nothing);
  }

  /** Returns a copy of {@code values} [rows][columns]; every row must have the same length. */
  public static Matrix of(float[][] values) {
    Matrix matrix = allocate(values.length, values.length == 0 ? 0 : values[0].length);
    for (int r = 0; r < values.length; r++) {
      matrix.writeRow(r, values[r]);
    }
    return matrix;
  }

  /**
   * Wraps memory that the caller owns.
   *
   * @param buffer direct, of {@code rows * columns * 4} bytes; not copied
   * @param release run once by {@link #close}
   */
  public static Matrix wrap(ByteBuffer buffer, int rows, int columns, Runnable release) {
    if (!buffer.isDirect() || buffer.remaining() != byteSize(rows, columns)) {
      throw new IllegalArgumentException(
          "a [%d, %d] matrix needs a direct buffer of %d bytes, got %s of %d"
              .formatted(
                  rows,
                  columns,
                  byteSize(rows, columns),
                  buffer.isDirect() ? "direct" : "heap",
                  buffer.remaining()));
    }
    return new Matrix(rows, columns, buffer.slice().order(ByteOrder.nativeOrder()), release);
  }

  private static void nothing() {}

  private static int byteSize(int rows, int columns) {
    if (rows < 0 || columns < 0) {
      throw new IllegalArgumentException("negative shape [%d, %d]".formatted(rows, columns));
    }
    long bytes = 4L * rows * columns;
    if (bytes > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "a [%d, %d] matrix of float32 takes %d bytes, more than the 2^31 - 1 of a direct buffer"
              .formatted(rows, columns, bytes));
    }
    return (int) bytes;
  }

  private static ByteBuffer direct(int size) {
    return ByteBuffer.allocateDirect(size).order(ByteOrder.nativeOrder());
  }

  public int rows() {
    return rows;
  }

  public int columns() {
    return columns;
  }

  /** Returns one element; for tests and single values, not for loops over rows. */
  public float get(int row, int column) {
    return floats.get(index(row, column));
  }

  /** Sets one element; for tests and single values, not for loops over rows. */
  public void set(int row, int column, float value) {
    floats.put(index(row, column), value);
  }

  private int index(int row, int column) {
    Objects.checkIndex(row, rows);
    return row * columns + Objects.checkIndex(column, columns);
  }

  /** Copies row {@code row} into the first {@link #columns} elements of {@code target}. */
  public void readRow(int row, float[] target) {
    readRow(row, 0, target, 0, columns);
  }

  /** Copies {@code length} elements of row {@code row} from column {@code from} on. */
  public void readRow(int row, int from, float[] target, int offset, int length) {
    Objects.checkFromIndexSize(from, length, columns);
    Objects.checkIndex(row, rows);
    floats.get(row * columns + from, target, offset, length);
  }

  /** Overwrites row {@code row} with the first {@link #columns} elements of {@code source}. */
  public void writeRow(int row, float[] source) {
    writeRow(row, 0, source, 0, columns);
  }

  /** Overwrites {@code length} elements of row {@code row} from column {@code from} on. */
  public void writeRow(int row, int from, float[] source, int offset, int length) {
    Objects.checkFromIndexSize(from, length, columns);
    Objects.checkIndex(row, rows);
    floats.put(row * columns + from, source, offset, length);
  }

  /** Returns a view of the rows {@code from} (inclusive) to {@code to} (exclusive). */
  public Matrix slice(int from, int to) {
    Objects.checkFromToIndex(from, to, rows);
    ByteBuffer part =
        bytes
            .slice(byteSize(from, columns), byteSize(to - from, columns))
            .order(ByteOrder.nativeOrder());
    return new Matrix(to - from, columns, part, Matrix::nothing);
  }

  /** Returns a copy in memory of its own. */
  public Matrix copy() {
    Matrix copy = allocate(rows, columns);
    copy.bytes.duplicate().put(bytes.duplicate());
    return copy;
  }

  /** Returns the elements as a direct buffer in native order; shares the memory. */
  public ByteBuffer bytes() {
    return bytes.duplicate().order(ByteOrder.nativeOrder());
  }

  @Override
  public void close() {
    release.run();
  }

  @Override
  public String toString() {
    return "Matrix[" + rows + ", " + columns + "]";
  }
}
