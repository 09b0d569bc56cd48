package io.calm.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Objects;

/**
 * A float32 matrix [rows, columns], row-major, outside the Java heap so that a 1 GiB heap holds no
 * weights.
 *
 * <p>Rows are read and written through the caller's {@code float[]} scratch, which the just-in-time
 * compiler vectorizes. Reads from several threads are safe; a write needs exclusive use of its row.
 *
 * <p>{@link #close} frees the memory at once. The garbage collector alone would free it much later,
 * because a search hardly uses the heap: gigabytes of closed matrices would stay resident. A closed
 * matrix and its slices refuse every access. Arrays of an engine and views from {@link #bytes}
 * share the memory without this check and must not be used after the close. A matrix that is not
 * closed is freed with its last reference.
 */
public final class Matrix implements AutoCloseable {
  private final int rows;
  private final int columns;
  private final ByteBuffer bytes;
  private final FloatBuffer floats;
  private final Owner owner;
  private final boolean owns;

  private Matrix(int rows, int columns, ByteBuffer bytes, Owner owner, boolean owns) {
    this.rows = rows;
    this.columns = columns;
    this.bytes = bytes;
    this.floats = bytes.asFloatBuffer();
    this.owner = owner;
    this.owns = owns;
  }

  /** The memory of a matrix and of all its slices. */
  private static final class Owner {
    private final Runnable release;
    private boolean closed;

    Owner(Runnable release) {
      this.release = release;
    }

    void close() {
      if (!closed) {
        closed = true;
        release.run();
      }
    }
  }

  /** Returns a matrix of zeros. */
  public static Matrix allocate(int rows, int columns) {
    OffHeap memory = OffHeap.unaligned(byteSize(rows, columns));
    return new Matrix(rows, columns, memory.bytes(), new Owner(memory::close), true);
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
    ByteBuffer bytes = buffer.slice().order(ByteOrder.nativeOrder());
    return new Matrix(rows, columns, bytes, new Owner(release), true);
  }

  private static int byteSize(int rows, int columns) {
    if (rows < 0 || columns < 0) {
      throw new IllegalArgumentException("negative shape [%d, %d]".formatted(rows, columns));
    }
    long bytes = 4L * rows * columns;
    if (!fits(rows, columns)) {
      throw new IllegalArgumentException(
          "a [%d, %d] matrix of float32 takes %d bytes, more than the 2^31 - 1 of a direct buffer"
              .formatted(rows, columns, bytes));
    }
    return (int) bytes;
  }

  /** Returns whether the float32 values of a matrix fit in a direct buffer. */
  public static boolean fits(int rows, int columns) {
    return 4L * rows * columns <= Integer.MAX_VALUE;
  }

  private void requireOpen() {
    if (owner.closed) {
      throw new IllegalStateException("%s was closed before this use".formatted(this));
    }
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
    requireOpen();
    Objects.checkIndex(row, rows);
    return row * columns + Objects.checkIndex(column, columns);
  }

  /** Copies row {@code row} into the first {@link #columns} elements of {@code target}. */
  public void readRow(int row, float[] target) {
    readRow(row, 0, target, 0, columns);
  }

  /** Copies {@code length} elements of row {@code row} from column {@code from} on. */
  public void readRow(int row, int from, float[] target, int offset, int length) {
    requireOpen();
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
    requireOpen();
    Objects.checkFromIndexSize(from, length, columns);
    Objects.checkIndex(row, rows);
    floats.put(row * columns + from, source, offset, length);
  }

  /**
   * Returns a view of the rows {@code from} (inclusive) to {@code to} (exclusive), which is usable
   * as long as this matrix is open. Closing the view has no effect.
   */
  public Matrix slice(int from, int to) {
    requireOpen();
    Objects.checkFromToIndex(from, to, rows);
    ByteBuffer part =
        bytes
            .slice(byteSize(from, columns), byteSize(to - from, columns))
            .order(ByteOrder.nativeOrder());
    return new Matrix(to - from, columns, part, owner, false);
  }

  /** Returns a copy in memory of its own. */
  public Matrix copy() {
    requireOpen();
    Matrix copy = allocate(rows, columns);
    copy.bytes.duplicate().put(bytes.duplicate());
    return copy;
  }

  /** Sets all elements. */
  public void fill(float value) {
    float[] row = new float[columns];
    Arrays.fill(row, value);
    for (int r = 0; r < rows; r++) {
      writeRow(r, row);
    }
  }

  /** Returns the elements as a direct buffer in native order; shares the memory. */
  public ByteBuffer bytes() {
    requireOpen();
    return bytes.duplicate().order(ByteOrder.nativeOrder());
  }

  @Override
  public void close() {
    if (owns) {
      owner.close();
    }
  }

  @Override
  public String toString() {
    return "Matrix[" + rows + ", " + columns + "]";
  }
}
