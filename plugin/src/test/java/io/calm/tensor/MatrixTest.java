package io.calm.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** The lifetime of a matrix's memory. */
class MatrixTest {

  @Test
  void aClosedMatrixAndItsSlicesRefuseEveryAccess() {
    Matrix matrix = Matrix.allocate(3, 4);
    Matrix slice = matrix.slice(1, 3);
    matrix.close();
    float[] row = new float[4];
    for (Matrix closed : new Matrix[] {matrix, slice}) {
      for (Executable access :
          new Executable[] {
            () -> closed.get(0, 0),
            () -> closed.set(0, 0, 1),
            () -> closed.readRow(0, row),
            () -> closed.writeRow(0, row),
            () -> closed.slice(0, 1),
            closed::copy,
            closed::bytes
          }) {
        IllegalStateException e = assertThrows(IllegalStateException.class, access);
        assertTrue(String.valueOf(e.getMessage()).contains("was closed"), e.toString());
      }
    }
  }

  @Test
  void closingASliceLeavesTheMatrixOpen() {
    try (Matrix matrix = Matrix.allocate(3, 4)) {
      matrix.set(2, 1, 5);
      Matrix slice = matrix.slice(1, 3);
      assertEquals(5, slice.get(1, 1));
      slice.close();
      assertEquals(5, matrix.get(2, 1));
    }
  }

  @Test
  void aWrappedMatrixIsReleasedOnce() {
    AtomicInteger released = new AtomicInteger();
    Matrix matrix = Matrix.wrap(ByteBuffer.allocateDirect(48), 3, 4, released::incrementAndGet);
    matrix.close();
    matrix.close();
    assertEquals(1, released.get());
  }
}
