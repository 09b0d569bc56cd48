package io.calm.cka;

import io.calm.kernels.SearchKernels;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import java.util.Arrays;

/**
 * A reference X [n, d] for measures that follow from the linear kernels of some features.
 *
 * <p>tr(KL) is taken as ||Y'X||_F^2 over d x d products where d is at most n, otherwise as the sum
 * of K * L over n x n Gram matrices; the larger of the two is never computed. The feature form
 * keeps nothing but means and norms of X, the Gram form keeps the lower half of K. A candidate
 * costs 3/2 n d min(n, d) multiplications in the feature form, 1/2 in the Gram form.
 */
final class LinearReference {
  /** Multiplications of a comparison below which a second thread costs more than it brings. */
  private static final double PARALLEL = 4e6;

  private final Matrix matrix;
  private final Matrix input;
  private final ComparedRows rows;
  private final int threads;
  private final SearchKernels kernels;
  private final Features features;
  private final Centred centred;
  private final boolean gramForm;
  private final double[][] gramTiles;
  private final double selfProduct;

  LinearReference(
      Matrix matrix,
      Matrix input,
      ComparedRows rows,
      Features features,
      int threads,
      SearchKernels kernels) {
    if (rows.count() != matrix.rows()) {
      throw new IllegalArgumentException(
          "rows: expected %d, got %d".formatted(matrix.rows(), rows.count()));
    }
    if (threads < 1) {
      throw new IllegalArgumentException("threads: expected 1 or more, got " + threads);
    }
    this.matrix = matrix;
    this.rows = rows;
    this.threads = threads;
    this.kernels = kernels;
    this.input = input;
    this.features = features;
    this.gramForm = matrix.rows() < matrix.columns();
    try (Parallel parallel = parallel()) {
      this.centred = new Centred(features.of(matrix, input, rows), parallel);
      boolean usable = centred.notFinite().isEmpty() && !centred.constant();
      this.gramTiles = gramForm && usable ? gram(centred, parallel) : new double[0][];
      if (!usable) {
        this.selfProduct = 0;
      } else {
        this.selfProduct = gramForm ? gramSquares() : featureSquares(centred, parallel);
      }
    }
  }

  /** Returns the threads of one comparison. */
  private Parallel parallel() {
    double work =
        (double) matrix.rows() * matrix.columns() * Math.min(matrix.rows(), matrix.columns());
    return new Parallel(work < PARALLEL ? 1 : threads);
  }

  /** Compares a candidate [n, d]. */
  Compared compare(Matrix candidate) {
    if (candidate.rows() != matrix.rows() || candidate.columns() != matrix.columns()) {
      throw new IllegalArgumentException(
          "candidate: expected the reference's shape %s, got %s".formatted(matrix, candidate));
    }
    if (centred.notFinite().isPresent()) {
      return new Score.Undefined("reference: " + centred.notFinite().get());
    }
    try (Parallel parallel = parallel()) {
      Centred other = new Centred(features.of(candidate, input, rows), parallel);
      if (other.notFinite().isPresent()) {
        return new Score.Undefined("candidate: " + other.notFinite().get());
      }
      return compare(candidate, other, parallel);
    }
  }

  private Comparison compare(Matrix candidate, Centred other, Parallel parallel) {
    double product = 0;
    double crossProduct = 0;
    if (!other.constant()) {
      if (gramForm) {
        double[][] sums = gramSums(other, parallel);
        product = total(sums, 0);
        crossProduct = total(sums, 1);
      } else {
        product = featureSquares(other, parallel);
        crossProduct = centred.constant() ? 0 : crossSquares(other, parallel);
      }
    }
    SquaredErrors errors = SquaredErrors.between(matrix, candidate, rows, parallel);
    return new Comparison(
        hsic(centred, other, crossProduct),
        hsic(centred, centred, selfProduct),
        hsic(other, other, product),
        errors.relative(),
        errors.normalized());
  }

  private Hsic hsic(Centred x, Centred y, double product) {
    return new Hsic(matrix.rows(), product, x.diagonals(y), x.trace() * y.trace());
  }

  private double[][] gram(Centred x, Parallel parallel) {
    TiledProduct.Operand tokens = x.tokens();
    return TiledProduct.compute(
        tokens,
        tokens,
        TiledProduct.tiles(matrix.rows(), matrix.rows(), true),
        parallel,
        kernels,
        (tile, product, size) -> Arrays.copyOf(product, size));
  }

  /** Returns for each tile of L its share of tr(LL) and of tr(KL). */
  private double[][] gramSums(Centred y, Parallel parallel) {
    TiledProduct.Operand tokens = y.tokens();
    TiledProduct.Tile[] tiles = TiledProduct.tiles(matrix.rows(), matrix.rows(), true);
    return TiledProduct.compute(
        tokens,
        tokens,
        tiles,
        parallel,
        kernels,
        (t, product, size) -> {
          double weight = tiles[t].weight();
          double cross = gramTiles.length == 0 ? 0 : weight * dot(product, gramTiles[t]);
          return new double[] {weight * squares(product, size), cross};
        });
  }

  private double gramSquares() {
    TiledProduct.Tile[] tiles = TiledProduct.tiles(matrix.rows(), matrix.rows(), true);
    double sum = 0;
    for (int t = 0; t < tiles.length; t++) {
      sum += tiles[t].weight() * squares(gramTiles[t], gramTiles[t].length);
    }
    return sum;
  }

  private static double dot(double[] product, double[] tile) {
    double sum = 0;
    for (int i = 0; i < tile.length; i++) {
      sum += product[i] * tile[i];
    }
    return sum;
  }

  private double featureSquares(Centred x, Parallel parallel) {
    TiledProduct.Operand features = x.features();
    TiledProduct.Tile[] tiles = TiledProduct.tiles(matrix.columns(), matrix.columns(), true);
    double[][] sums =
        TiledProduct.compute(
            features,
            features,
            tiles,
            parallel,
            kernels,
            (t, product, size) -> new double[] {tiles[t].weight() * squares(product, size)});
    return total(sums, 0);
  }

  private double crossSquares(Centred other, Parallel parallel) {
    double[][] sums =
        TiledProduct.compute(
            other.features(),
            centred.features(),
            TiledProduct.tiles(matrix.columns(), matrix.columns(), false),
            parallel,
            kernels,
            (tile, product, size) -> new double[] {squares(product, size)});
    return total(sums, 0);
  }

  private static double squares(double[] values, int size) {
    double sum = 0;
    for (int i = 0; i < size; i++) {
      sum += values[i] * values[i];
    }
    return sum;
  }

  private static double total(double[][] tileSums, int index) {
    double sum = 0;
    for (double[] sums : tileSums) {
      sum += sums[index];
    }
    return sum;
  }
}
