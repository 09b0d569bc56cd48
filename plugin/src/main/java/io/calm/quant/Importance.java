package io.calm.quant;

/** Weights of squared errors, one per input. */
public final class Importance {
  /** Share of the mean below which an input still counts: it may be silent in calibration only. */
  private static final double FLOOR = 1e-4;

  private Importance() {}

  /**
   * Returns E[x_k^2], but at least a small share of its mean, so that inputs which calibration
   * never saw keep a usable grid.
   *
   * @throws QuantizationException if a mean square is not finite
   */
  public static float[] of(float[] meanSquare) {
    double mean = 0;
    for (float h : meanSquare) {
      mean += h;
    }
    if (!Double.isFinite(mean)) {
      throw new QuantizationException(
          "activations on the calibration tokens are not finite; the earlier blocks have diverged,"
              + " or the checkpoint is damaged");
    }
    float floor = (float) Math.max(mean / meanSquare.length * FLOOR, Float.MIN_NORMAL);
    float[] importance = new float[meanSquare.length];
    for (int k = 0; k < importance.length; k++) {
      importance[k] = Math.max(meanSquare[k], floor);
    }
    return importance;
  }
}
