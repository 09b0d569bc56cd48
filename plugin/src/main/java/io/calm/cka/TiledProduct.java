package io.calm.cka;

import io.calm.kernels.SearchKernels;
import io.calm.tensor.Parallel;
import java.util.Arrays;
import java.util.Optional;

/**
 * Computes U'V in float64, tile by tile, for products too big to keep: each tile is reduced to a
 * few numbers as soon as it is there.
 *
 * <p>Operands are float32 in memory and become float64 in chunks that stay in the L1 and L2 caches:
 * a tile of 128 x 128 costs 2 x 128 conversions for 128 x 128 multiplications a step. The inner
 * loop has no dependence between its iterations, so that it can be vectorized; where there are
 * kernels in C it is theirs, with the same bits. A tile is summed in one order and tiles are handed
 * back in theirs, so results have the same bits on any number of threads.
 */
final class TiledProduct {
  /** Widest tile. */
  private static final int TILE = 128;

  /** Depth of a loaded chunk; a multiple of {@link #UNROLL}. */
  private static final int CHUNK = 64;

  /** Steps of depth in one pass over a tile. */
  private static final int UNROLL = 8;

  /** Multiplications below which a second thread costs more than it brings. */
  private static final double PARALLEL = 4e6;

  private TiledProduct() {}

  /** A matrix given as {@code count} vectors of length {@code depth}. */
  interface Operand {
    int depth();

    int count();

    /**
     * Loads the elements {@code depth} to {@code depth + length} of the vectors {@code from} to
     * {@code from + width} as float64 [length][width].
     *
     * @param line scratch of at least {@code max(length, width)} elements
     */
    void load(int depth, int length, int from, int width, double[] into, float[] line);
  }

  /** Takes what it needs of a tile before the tile is overwritten. */
  interface Reducer {
    /**
     * Returns what is kept of a tile.
     *
     * @param tile the tile's number, as {@link #tiles} counts them
     * @param product scratch that starts with the tile's elements
     * @param size how many
     */
    double[] reduce(int tile, double[] product, int size);
  }

  /** A tile: vectors of U from {@code row}, of V from {@code column}. */
  record Tile(int row, int height, int column, int width) {
    /** Returns how often the tile counts in a symmetric product of which half is computed. */
    double weight() {
      return row == column ? 1 : 2;
    }
  }

  /** Returns the tiles of a {@code rows} x {@code columns} product, or of its lower half. */
  static Tile[] tiles(int rows, int columns, boolean lowerHalf) {
    int height = tileSize(rows);
    int width = tileSize(columns);
    int across = (columns + width - 1) / width;
    int down = (rows + height - 1) / height;
    Tile[] tiles = new Tile[lowerHalf ? down * (down + 1) / 2 : down * across];
    int count = 0;
    for (int i = 0; i < down; i++) {
      for (int j = 0; j < (lowerHalf ? i + 1 : across); j++) {
        int row = i * height;
        int column = j * width;
        tiles[count++] =
            new Tile(row, Math.min(height, rows - row), column, Math.min(width, columns - column));
      }
    }
    return tiles;
  }

  private static int tileSize(int count) {
    int strips = (count + TILE - 1) / TILE;
    int even = (count + strips - 1) / strips;
    return (even + 7) / 8 * 8;
  }

  /** Computes every tile and returns what {@code reducer} took of each. */
  static double[][] compute(Operand u, Operand v, Tile[] tiles, int threads, Reducer reducer) {
    return compute(u, v, tiles, threads, reducer, SearchKernels.best());
  }

  /** The same with the kernels given; empty: the loops in Java, which have their bits. */
  static double[][] compute(
      Operand u,
      Operand v,
      Tile[] tiles,
      int threads,
      Reducer reducer,
      Optional<SearchKernels> kernels) {
    double[][] results = new double[tiles.length][];
    double work = (double) tiles.length * TILE * TILE * u.depth();
    try (Parallel parallel = new Parallel(work < PARALLEL ? 1 : threads)) {
      parallel.ranges(
          tiles.length,
          (from, to) -> {
            Worker worker = new Worker(u, v, kernels);
            for (int t = from; t < to; t++) {
              Tile tile = tiles[t];
              double[] product = worker.multiply(tile);
              results[t] = reducer.reduce(t, product, tile.height() * tile.width());
            }
          });
    }
    return results;
  }

  /** The scratch of one range of tiles. */
  private static final class Worker {
    private final Operand u;
    private final Operand v;
    private final Optional<SearchKernels> kernels;
    private final double[] left = new double[CHUNK * TILE];
    private final double[] right = new double[CHUNK * TILE];
    private final double[] product = new double[TILE * TILE];
    private final float[] line = new float[Math.max(CHUNK, TILE)];

    Worker(Operand u, Operand v, Optional<SearchKernels> kernels) {
      this.u = u;
      this.v = v;
      this.kernels = kernels;
    }

    double[] multiply(Tile tile) {
      Arrays.fill(product, 0, tile.height() * tile.width(), 0);
      for (int depth = 0; depth < u.depth(); depth += CHUNK) {
        int length = Math.min(CHUNK, u.depth() - depth);
        int padded = (length + UNROLL - 1) / UNROLL * UNROLL;
        load(u, depth, length, padded, tile.row(), tile.height(), left);
        load(v, depth, length, padded, tile.column(), tile.width(), right);
        if (kernels.isPresent()) {
          kernels.get().addTile(left, right, tile.height(), tile.width(), padded, product);
        } else {
          accumulate(tile, padded);
        }
      }
      return product;
    }

    private void accumulate(Tile tile, int padded) {
      for (int k = 0; k < padded; k += UNROLL) {
        for (int i = 0; i < tile.height(); i++) {
          accumulate(k, i, tile.height(), tile.width());
        }
      }
    }

    private void load(
        Operand operand, int depth, int length, int padded, int from, int width, double[] into) {
      operand.load(depth, length, from, width, into, line);
      Arrays.fill(into, length * width, padded * width, 0);
    }

    private void accumulate(int k, int i, int height, int width) {
      double[] a = left;
      double[] b = right;
      double[] c = product;
      int p = k * height + i;
      double a0 = a[p];
      double a1 = a[p + height];
      double a2 = a[p + 2 * height];
      double a3 = a[p + 3 * height];
      double a4 = a[p + 4 * height];
      double a5 = a[p + 5 * height];
      double a6 = a[p + 6 * height];
      double a7 = a[p + 7 * height];
      int q = k * width;
      int q1 = q + width;
      int q2 = q1 + width;
      int q3 = q2 + width;
      int q4 = q3 + width;
      int q5 = q4 + width;
      int q6 = q5 + width;
      int q7 = q6 + width;
      int o = i * width;
      for (int j = 0; j < width; j++) {
        c[o + j] +=
            (a0 * b[q + j] + a1 * b[q1 + j])
                + (a2 * b[q2 + j] + a3 * b[q3 + j])
                + ((a4 * b[q4 + j] + a5 * b[q5 + j]) + (a6 * b[q6 + j] + a7 * b[q7 + j]));
      }
    }
  }
}
