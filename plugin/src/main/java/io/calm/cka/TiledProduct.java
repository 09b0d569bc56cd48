package io.calm.cka;

import io.calm.kernels.SearchKernels;
import io.calm.tensor.Parallel;
import java.util.Arrays;

/**
 * Computes U'V in float64, tile by tile, for products too big to keep: each tile is reduced to a
 * few numbers as soon as it is complete.
 *
 * <p>Operands are float32 in memory and become float64 in chunks that stay in the L1 and L2 caches:
 * a tile of 128 x 128 costs 2 x 128 conversions for 128 x 128 multiplications a step. The inner
 * loop is a search kernel. A tile is summed in one order and tiles are returned in theirs, so
 * results have the same bits on any number of threads.
 */
final class TiledProduct {
  /** Widest tile. */
  private static final int TILE = 128;

  /** Depth of a loaded chunk; a multiple of {@link #UNROLL}. */
  private static final int CHUNK = 64;

  /** Steps of depth in one pass over a tile. */
  private static final int UNROLL = 8;

  private TiledProduct() {}

  /** A matrix given as vectors of length {@code depth}. */
  interface Operand {
    int depth();

    /**
     * Loads the elements {@code depth} to {@code depth + length} of the vectors {@code from} to
     * {@code from + width} as float64 [length][width].
     *
     * @param line scratch of at least {@code max(length, width)} elements
     */
    void load(int depth, int length, int from, int width, double[] into, float[] line);
  }

  /** Reduces a tile before its memory is overwritten. */
  interface Reducer {
    /**
     * Returns the values to keep of a tile.
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

  /** Computes every tile and returns the result of {@code reducer} for each. */
  static double[][] compute(
      Operand u,
      Operand v,
      Tile[] tiles,
      Parallel parallel,
      SearchKernels kernels,
      Reducer reducer) {
    double[][] results = new double[tiles.length][];
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
    return results;
  }

  /** The scratch of one range of tiles. */
  private static final class Worker {
    private final Operand u;
    private final Operand v;
    private final SearchKernels kernels;
    private final double[] left = new double[CHUNK * TILE];
    private final double[] right = new double[CHUNK * TILE];
    private final double[] product = new double[TILE * TILE];
    private final float[] line = new float[Math.max(CHUNK, TILE)];

    Worker(Operand u, Operand v, SearchKernels kernels) {
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
        kernels.addTile(left, right, tile.height(), tile.width(), padded, product);
      }
      return product;
    }

    private void load(
        Operand operand, int depth, int length, int padded, int from, int width, double[] into) {
      operand.load(depth, length, from, width, into, line);
      Arrays.fill(into, length * width, padded * width, 0);
    }
  }
}
