package io.calm.tensor;

/**
 * The arithmetic of docs/reference/w4a8.md as plain loops over unpacked values: the oracle of the
 * kernels.
 */
public final class NaiveKernels {
  private NaiveKernels() {}

  /** Activations of one row, rounded to int8: codes [K], and a scale for each group. */
  @SuppressWarnings("ArrayRecordComponent")
  public record Rounded(int[] codes, float[] scales) {}

  /** Rounds {@code x}. */
  public static Rounded round(float[] x, int group, boolean perToken) {
    int groups = (x.length + group - 1) / group;
    int[] codes = new int[x.length];
    float[] scales = new float[groups];
    for (int j = 0; j < groups; j++) {
      int from = perToken ? 0 : j * group;
      int to = perToken ? x.length : Math.min(x.length, from + group);
      float max = 0;
      for (int k = from; k < to; k++) {
        max = Math.max(max, Math.abs(x[k]));
      }
      scales[j] = max < Math.pow(2, -100) ? 0 : max / 127f;
      for (int k = j * group; k < Math.min(x.length, (j + 1) * group); k++) {
        double quotient = scales[j] == 0 ? 0 : Math.rint(x[k] / scales[j]);
        codes[k] = (int) Math.max(-127, Math.min(127, quotient));
      }
    }
    return new Rounded(codes, scales);
  }

  /** Returns the outputs of one row. */
  public static float[] linear(float[] x, QuantizedMatrix weight, float[] bias, boolean perToken) {
    Rounded rounded = round(x, weight.group(), perToken);
    int groups = rounded.scales().length;
    float[] y = new float[weight.outputs()];
    for (int n = 0; n < y.length; n++) {
      float acc = 0;
      for (int j = 0; j < groups; j++) {
        long dot = 0;
        long sum = 0;
        for (int k = j * weight.group(); k < Math.min(x.length, (j + 1) * weight.group()); k++) {
          dot += (long) weight.codes()[n * x.length + k] * rounded.codes()[k];
          sum += rounded.codes()[k];
        }
        float offset = weight.minimums()[n * groups + j] * sum;
        float value = Math.fma(weight.scales()[n * groups + j], (float) dot, offset);
        acc = Math.fma(rounded.scales()[j], value, acc);
      }
      y[n] = bias.length == 0 ? acc : acc + bias[n];
    }
    return y;
  }

  /** Returns the logits of one row for an int8 table, read code by code. */
  public static float[] int8(float[] x, TokenTable.Int8Table table, boolean perToken) {
    Rounded rounded = round(x, table.group(), perToken);
    int padded = rounded.scales().length * table.group();
    float[] y = new float[table.tokens()];
    for (int v = 0; v < y.length; v++) {
      float acc = 0;
      for (int j = 0; j < rounded.scales().length; j++) {
        long dot = 0;
        for (int k = j * table.group(); k < Math.min(x.length, (j + 1) * table.group()); k++) {
          int at = ((v / 16) * (padded / 4) + k / 4) * 64 + v % 16 * 4 + k % 4;
          dot += (long) table.codes().get(at) * rounded.codes()[k];
        }
        acc = Math.fma(rounded.scales()[j], (float) dot, acc);
      }
      y[v] = acc * table.scales().getFloat(4 * v);
    }
    return y;
  }

  /** Returns the logits of one row for a table of floats. */
  public static float[] floats(float[] x, TokenTable table) {
    float[] y = new float[table.tokens()];
    float[] row = new float[x.length];
    for (int v = 0; v < y.length; v++) {
      TokenTables.readRow(table, v, row);
      for (int k = 0; k < x.length; k++) {
        y[v] = Math.fma(x[k], row[k], y[v]);
      }
    }
    return y;
  }
}
