package io.calm.cka;

import java.util.Optional;

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

  Centred(RowView matrix) {
    this.matrix = matrix;
    this.means = new double[matrix.columns()];
    this.squaredNorms = new double[matrix.rows()];
    double raw = 0;
    int bad = -1;
    float[] row = new float[matrix.columns()];
    for (int i = 0; i < matrix.rows(); i++) {
      matrix.readRow(i, row);
      double squares = 0;
      for (int k = 0; k < row.length; k++) {
        means[k] += row[k];
        squares += (double) row[k] * row[k];
      }
      raw += squares;
      if (bad < 0 && !Double.isFinite(squares)) {
        bad = i;
      }
    }
    for (int k = 0; k < means.length; k++) {
      means[k] /= matrix.rows();
    }
    this.rawSquares = raw;
    this.notFinite =
        bad < 0 ? Optional.empty() : Optional.of("row %d has a NaN or infinity".formatted(bad));
    this.trace = centredNorms(row);
  }

  private double centredNorms(float[] row) {
    double sum = 0;
    for (int i = 0; i < squaredNorms.length; i++) {
      matrix.readRow(i, row);
      double squares = 0;
      for (int k = 0; k < row.length; k++) {
        double x = row[k] - means[k];
        squares += x * x;
      }
      squaredNorms[i] = squares;
      sum += squares;
    }
    return sum;
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

  /** Returns the squared norm of the matrix before centring. */
  double rawSquares() {
    return rawSquares;
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
      public int count() {
        return matrix.columns();
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
      public int count() {
        return matrix.rows();
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
