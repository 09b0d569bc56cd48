package io.calm.quant;

import io.calm.kernels.GroupGrid;
import io.calm.tensor.Float16;
import io.calm.tensor.QuantizedMatrix;

/**
 * A W4A8 weight whose rows are divided after it was rounded: a fold into v or up.
 *
 * <p>Dividing a row divides its grids and leaves its codes, so only the grids are rounded to
 * float16 again. If the scale of a group falls below the smallest normal float16, it is raised to
 * that number and the group is encoded again on the coarser grid, with the minimum that fits its
 * new codes best. A group whose range is below half a step thus becomes its mean. Scales that a
 * checkpoint stores may be negative, and keep their sign.
 */
final class DividedRows {
  private DividedRows() {}

  /**
   * Returns the weight with row n divided by {@code by[n]}; shares the codes if none changed.
   *
   * @param weight [N, K]
   * @param by [N], positive
   * @param name of the linear, for messages
   * @throws QuantizationException if a grid becomes too large for float16
   */
  static QuantizedMatrix of(QuantizedMatrix weight, float[] by, String name) {
    float[] scales = weight.scales().clone();
    float[] minimums = weight.minimums().clone();
    byte[] codes = weight.codes();
    int groups = scales.length / weight.outputs();
    for (int i = 0; i < scales.length; i++) {
      int row = i / groups;
      float scale = scales[i] / by[row];
      float minimum = minimums[i] / by[row];
      float size = Math.abs(scale);
      scales[i] = Math.copySign(Math.max(Float16.MIN_NORMAL, Float16.round(size)), scale);
      minimums[i] = Float16.round(minimum);
      if (!(Math.abs(scales[i]) <= Float16.MAX_VALUE
          && Math.abs(minimums[i]) <= Float16.MAX_VALUE)) {
        throw new QuantizationException(
            "linear %s, row %d: a fold by %g pushes its grid out of float16"
                .formatted(name, row, by[row]));
      }
      if (size < Float16.MIN_NORMAL) {
        codes = codes == weight.codes() ? codes.clone() : codes;
        int first = row * weight.inputs() + i % groups * weight.group();
        int end = Math.min(first + weight.group(), (row + 1) * weight.inputs());
        float lowest = scale * lowestCode(codes, first, end) + minimum;
        double offsets = 0;
        for (int k = first; k < end; k++) {
          float value = scale * codes[k] + minimum;
          codes[k] = (byte) GroupGrid.code(value, 1 / scales[i], lowest);
          offsets += value - scales[i] * codes[k];
        }
        minimums[i] = Float16.round((float) (offsets / (end - first)));
      }
    }
    return new QuantizedMatrix(
        weight.outputs(), weight.inputs(), weight.group(), codes, scales, minimums);
  }

  private static byte lowestCode(byte[] codes, int from, int to) {
    byte lowest = Byte.MAX_VALUE;
    for (int k = from; k < to; k++) {
      lowest = (byte) Math.min(lowest, codes[k]);
    }
    return lowest;
  }
}
