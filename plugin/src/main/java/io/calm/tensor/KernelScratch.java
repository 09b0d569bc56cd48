package io.calm.tensor;

/**
 * Scratch memory of one thread for a kernel that computes up to {@link #MAX_TILES} tiles of outputs
 * at a time. Allocated once, never shared between threads. About 700 KiB at 256 rows.
 */
public final class KernelScratch {
  /** Maximum number of tiles that a kernel computes at a time. */
  public static final int MAX_TILES = 32;

  static final int LANES = MAX_TILES * QuantizedLinear.TILE;
  static final int LARGEST_GROUP = 128;

  /** Code words of one group of inputs, [step][lane]. */
  final int[][] words = new int[LARGEST_GROUP / 4][LANES];

  /** The same, unpacked for reuse by many rows: four arrays a step. */
  final int[][] unpacked = new int[LARGEST_GROUP][];

  final int[] piece = new int[LARGEST_GROUP / 4 * QuantizedLinear.TILE];
  final short[] halves = new short[2 * QuantizedLinear.TILE];
  final int[] dots = new int[LANES];
  final float[] products = new float[LANES];
  final float[] scales = new float[LANES];
  final float[] minimums = new float[LANES];
  final float[][] sums;

  private KernelScratch(int rows) {
    this.sums = new float[rows][LANES];
  }

  /** Returns scratch for at most {@code rows} rows. */
  public static KernelScratch allocate(int rows) {
    return new KernelScratch(rows);
  }

  /** Returns the array {@code index} of {@link #unpacked}, made when first asked for. */
  int[] unpacked(int index) {
    if (unpacked[index] == null) {
      unpacked[index] = new int[LANES];
    }
    return unpacked[index];
  }
}
