package io.calm.kernels;

import io.calm.tensor.Matrix;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.Objects;

/**
 * A part of a float32 matrix, or its transpose, as an operand of a product. It shares the matrix's
 * memory and must not be used after the matrix is closed.
 *
 * @param memory direct, in native order
 * @param offset index of element (0, 0)
 * @param rowStep elements from a row to the next
 * @param columnStep elements from a column to the next
 */
public record MatrixView(
    ByteBuffer memory, int offset, int rows, int columns, int rowStep, int columnStep) {

  public MatrixView {
    Objects.checkFromIndexSize(0, rows, Integer.MAX_VALUE);
    Objects.checkFromIndexSize(0, columns, Integer.MAX_VALUE);
    if (rows > 0 && columns > 0) {
      long last = offset + (rows - 1L) * rowStep + (columns - 1L) * columnStep;
      Objects.checkIndex(last, memory.capacity() / (long) Float.BYTES);
    }
  }

  /** Returns a view of all elements. */
  public static MatrixView of(Matrix matrix) {
    return of(matrix.bytes(), matrix.rows(), matrix.columns());
  }

  /** Returns a view of a row-major matrix in direct memory. */
  public static MatrixView of(ByteBuffer memory, int rows, int columns) {
    return new MatrixView(memory, 0, rows, columns, columns, 1);
  }

  /** Returns a view with rows and columns exchanged. */
  public MatrixView transposed() {
    return new MatrixView(memory, offset, columns, rows, columnStep, rowStep);
  }

  /** Returns the rows and columns {@code from} (inclusive) to {@code to} (exclusive). */
  public MatrixView part(int fromRow, int toRow, int fromColumn, int toColumn) {
    Objects.checkFromToIndex(fromRow, toRow, rows);
    Objects.checkFromToIndex(fromColumn, toColumn, columns);
    return new MatrixView(
        memory,
        offset + fromRow * rowStep + fromColumn * columnStep,
        toRow - fromRow,
        toColumn - fromColumn,
        rowStep,
        columnStep);
  }

  /** Returns all of the memory; element (i, j) is at offset + i rowStep + j columnStep. */
  FloatBuffer floats() {
    return memory.duplicate().order(ByteOrder.nativeOrder()).clear().asFloatBuffer();
  }

  @Override
  public String toString() {
    return "[" + rows + ", " + columns + "]";
  }
}
