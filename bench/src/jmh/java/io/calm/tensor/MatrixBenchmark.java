package io.calm.tensor;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import java.util.Arrays;

/** Measures the sum over a matrix [256, columns], row by row and element by element. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class MatrixBenchmark {
  private static final int ROWS = 256;

  @Param({"64", "576", "1536"})
  public int columns;

  private Matrix matrix = Matrix.allocate(1, 1);
  private float[] row = new float[1];

  @Setup
  public void fill() {
    matrix = Matrix.allocate(ROWS, columns);
    row = new float[columns];
    Arrays.fill(row, 1);
    for (int r = 0; r < ROWS; r++) {
      matrix.writeRow(r, row);
    }
    if (rows() != elements() || rows() != ROWS * columns) {
      throw new IllegalStateException("the two sums differ: " + rows() + ", " + elements());
    }
  }

  @TearDown
  public void release() {
    matrix.close();
  }

  @Benchmark
  public float rows() {
    float sum = 0;
    for (int r = 0; r < ROWS; r++) {
      matrix.readRow(r, row);
      for (float value : row) {
        sum += value;
      }
    }
    return sum;
  }

  @Benchmark
  public float elements() {
    float sum = 0;
    for (int r = 0; r < ROWS; r++) {
      for (int c = 0; c < columns; c++) {
        sum += matrix.get(r, c);
      }
    }
    return sum;
  }
}
