package io.calm.cka;

import io.calm.tensor.Parallel;
import java.util.Arrays;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * The rows of a matrix, centred by column, in float64. Only means and row norms are stored; values
 * are centred when they are loaded. Immutable.
 */
final class Centred {
  /** Centred squares below this share of the raw ones are the rounding of a constant matrix. */
  private static final double CONSTANT = 1e-24;

  private final RowView matrix;
  private final double[] means;
  private final double[] squaredNorms;
  private final double trace;
  private final double rawSquares;
  private final Optional<String> notFinite;

  /** Centres a matrix. Sums have one order, so the result does not depend on the threads. */
  Centred(RowView matrix, Parallel parallel) {
    this.matrix = matrix;
    this.means = new double[matrix.columns()];
    parallel.ranges(means.length, this::average);
    this.squaredNorms = new double[matrix.rows()];
    double[] rawNorms = new double[matrix.rows()];
    parallel.ranges(rawNorms.length, (from, to) -> squaredNorms(from, to, rawNorms));
    this.trace = Arrays.stream(squaredNorms).reduce(0, Double::sum);
    this.rawSquares = Arrays.stream(rawNorms).reduce(0, Double::sum);
    this.notFinite =
        IntStream.range(0, rawNorms.length)
            .filter(i -> !Double.isFinite(rawNorms[i]))
            .mapToObj("row %d has a NaN or infinity"::formatted)
            .findFirst();
  }

  /** Sets the means of the columns {@code from} to {@code to}. */
  private void average(int from, int to) {
    float[] line = new float[to - from];
    for (int i = 0; i < matrix.rows(); i++) {
      matrix.readRow(i, from, line, 0, line.length);
      for (int k = 0; k < line.length; k++) {
        means[from + k] += line[k];
      }
    }
    for (int k = from; k < to; k++) {
      means[k] /= matrix.rows();
    }
  }

  /** Sets the squared norms of the rows {@code from} to {@code to}, also before centring. */
  private void squaredNorms(int from, int to, double[] rawNorms) {
    float[] row = new float[means.length];
    for (int i = from; i < to; i++) {
      matrix.readRow(i, row);
      double raw = 0;
      double centred = 0;
      for (int k = 0; k < row.length; k++) {
        double x = row[k] - means[k];
        raw += (double) row[k] * row[k];
        centred += x * x;
      }
      rawNorms[i] = raw;
      squaredNorms[i] = centred;
    }
  }

  /** Returns which row has a number that is not finite. */
  Optional<String> notFinite() {
    return notFinite;
  }

  /** Returns whether all rows are the same but for rounding. */
  boolean constant() {
    return !(trace > CONSTANT * rawSquares);
  }

  /** Returns tr(XX'). */
  double trace() {
    return trace;
  }

  /** Returns sum over rows of the two squared norms' product. */
  double diagonals(Centred other) {
    double sum = 0;
    for (int i = 0; i < squaredNorms.length; i++) {
      sum += squaredNorms[i] * other.squaredNorms[i];
    }
    return sum;
  }

  /** Returns the operand whose product U'V is [d, d]: vectors are features, n deep. */
  TiledProduct.Operand features() {
    return new TiledProduct.Operand() {
      @Override
      public int depth() {
        return matrix.rows();
      }

      @Override
      public void load(int depth, int length, int from, int width, double[] into, float[] line) {
        for (int r = 0; r < length; r++) {
          matrix.readRow(depth + r, from, line, 0, width);
          for (int k = 0; k < width; k++) {
            into[r * width + k] = line[k] - means[from + k];
          }
        }
      }
    };
  }

  /** Returns the operand whose product U'V is [n, n]: vectors are rows, d deep. */
  TiledProduct.Operand tokens() {
    return new TiledProduct.Operand() {
      @Override
      public int depth() {
        return matrix.columns();
      }

      @Override
      public void load(int depth, int length, int from, int width, double[] into, float[] line) {
        for (int i = 0; i < width; i++) {
          matrix.readRow(from + i, depth, line, 0, length);
          for (int k = 0; k < length; k++) {
            into[k * width + i] = line[k] - means[depth + k];
          }
        }
      }
    };
  }
}
