package io.calm.replay;

/**
 * Statistics of each column of an activation matrix [rows, K].
 *
 * @param meanAbsolute mean of |x|
 * @param maxAbsolute maximum of |x|
 * @param meanSquare mean of x^2
 */
@SuppressWarnings("ArrayRecordComponent") // bulk values, read only
public record ColumnStatistics(float[] meanAbsolute, float[] maxAbsolute, float[] meanSquare) {

  /** Accumulates the statistics chunk by chunk, in float64. */
  static final class Sum {
    private final double[] absolute;
    private final double[] square;
    private final float[] max;
    private long rows;

    Sum(int width) {
      absolute = new double[width];
      square = new double[width];
      max = new float[width];
    }

    /** Adds a chunk's [3, K]: mean |x|, max |x|, mean x^2 over {@code count} rows. */
    void add(float[] statistics, long count) {
      int width = max.length;
      for (int k = 0; k < width; k++) {
        absolute[k] += (double) statistics[k] * count;
        max[k] = Math.max(max[k], statistics[width + k]);
        square[k] += (double) statistics[2 * width + k] * count;
      }
      rows += count;
    }

    ColumnStatistics result() {
      float[] meanAbsolute = new float[max.length];
      float[] meanSquare = new float[max.length];
      for (int k = 0; k < max.length; k++) {
        meanAbsolute[k] = (float) (absolute[k] / rows);
        meanSquare[k] = (float) (square[k] / rows);
      }
      return new ColumnStatistics(meanAbsolute, max.clone(), meanSquare);
    }
  }
}
