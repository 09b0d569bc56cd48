package io.calm.tensor;

/**
 * The output of a quantizer for one linear, before packing: codes and grids as plain arrays, W[N, K]
 * = scale[n, j] * code[n, k] + minimum[n, j] with j = k / group.
 *
 * @param outputs N
 * @param inputs K
 * @param group inputs that share a scale; one of 32, 64, 128
 * @param codes [N * K], each 0..15
 * @param scales [N * J] with J = ceil(K / group), the values of float16 numbers
 * @param minimums [N * J], the values of float16 numbers
 */
@SuppressWarnings("ArrayRecordComponent") // a bulk value, passed once and never compared
public record QuantizedMatrix(
    int outputs, int inputs, int group, byte[] codes, float[] scales, float[] minimums) {

  public QuantizedMatrix {
    int groups = (inputs + group - 1) / group;
    requireLength("codes", codes.length, (long) outputs * inputs);
    requireLength("scales", scales.length, (long) outputs * groups);
    requireLength("minimums", minimums.length, (long) outputs * groups);
  }

  private static void requireLength(String name, int got, long expected) {
    if (got != expected) {
      throw new IllegalArgumentException(
          "%s: expected %d elements, got %d".formatted(name, expected, got));
    }
  }

  /** Returns scale * code + minimum, [N, K]. */
  public Matrix dequantize() {
    Matrix values = Matrix.allocate(outputs, inputs);
    int groups = scales.length / outputs;
    float[] row = new float[inputs];
    for (int n = 0; n < outputs; n++) {
      for (int k = 0; k < inputs; k++) {
        int grid = n * groups + k / group;
        row[k] = scales[grid] * codes[n * inputs + k] + minimums[grid];
      }
      values.writeRow(n, row);
    }
    return values;
  }
}
