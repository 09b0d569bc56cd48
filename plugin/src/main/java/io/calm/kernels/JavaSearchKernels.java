package io.calm.kernels;

import io.calm.tensor.Exponential;
import io.calm.tensor.Matrix;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The search kernels in Java: the reference of those in C, and their replacement on machines that
 * run no native variant. Holds no state.
 */
public final class JavaSearchKernels implements SearchKernels {
  private static final float SMALLEST_PEAK = 0x1p-100f;
  private static final float LEVELS = 127;

  /** Steps of depth in one pass over a tile. */
  private static final int UNROLL = 8;

  /** Columns of a float32 product that are summed at once. */
  private static final int COLUMNS = 128;

  /** Sums of a row of logits. */
  private static final int LANES = 16;

  @Override
  public void fitGrids(
      Matrix weight,
      int from,
      int to,
      int group,
      float @Nullable [] importance,
      GroupGrid.Effort effort,
      float[] scales,
      float[] minimums) {
    GroupGrid grid = new GroupGrid(effort);
    int inputs = weight.columns();
    float[] row = new float[inputs];
    int at = from * groups(inputs, group);
    for (int n = from; n < to; n++) {
      weight.readRow(n, row);
      for (int first = 0; first < inputs; first += group, at++) {
        boolean fits = grid.fit(row, importance, first, Math.min(group, inputs - first));
        scales[at] = fits ? grid.scale() : 0;
        minimums[at] = fits ? grid.minimum() : 0;
      }
    }
  }

  private static int groups(int inputs, int group) {
    return (inputs + group - 1) / group;
  }

  @Override
  public void encode(
      Matrix weight, int from, int to, int group, float[] scales, float[] minimums, byte[] codes) {
    int inputs = weight.columns();
    float[] row = new float[inputs];
    int at = from * groups(inputs, group);
    for (int n = from; n < to; n++) {
      weight.readRow(n, row);
      for (int first = 0; first < inputs; first += group, at++) {
        float inverse = 1 / scales[at];
        for (int k = first; k < Math.min(inputs, first + group); k++) {
          codes[n * inputs + k] = (byte) GroupGrid.code(row[k], inverse, minimums[at]);
        }
      }
    }
  }

  @Override
  public void roundInputs(Matrix rows, int from, int to, int group) {
    float[] row = new float[rows.columns()];
    for (int t = from; t < to; t++) {
      rows.readRow(t, row);
      for (int first = 0; first < row.length; first += group) {
        roundInputs(row, first, Math.min(row.length, first + group));
      }
      rows.writeRow(t, row);
    }
  }

  private static void roundInputs(float[] row, int from, int to) {
    float peak = 0;
    for (int k = from; k < to; k++) {
      peak = Math.max(peak, Math.abs(row[k]));
    }
    float scale = peak < SMALLEST_PEAK ? 0 : peak / LEVELS;
    for (int k = from; k < to; k++) {
      row[k] =
          scale == 0
              ? 0
              : scale
                  * (float) (Math.max(-LEVELS, Math.min(LEVELS, Math.rint(row[k] / scale))) + 0);
    }
  }

  @Override
  public void walkColumns(
      Matrix columns,
      int first,
      int from,
      int to,
      float[] factor,
      Matrix scales,
      Matrix minimums,
      int[] groups,
      Matrix errors,
      ByteBuffer codes) {
    int width = groups.length;
    int outputs = columns.columns();
    int count = to - from;
    float[][] w = new float[width][count];
    for (int i = 0; i < width; i++) {
      columns.readRow(first + i, from, w[i], 0, count);
    }
    byte[] rounded = new byte[count];
    float[] scale = new float[count];
    float[] minimum = new float[count];
    for (int i = 0; i < width; i++) {
      float[] error = w[i];
      scales.readRow(groups[i], from, scale, 0, count);
      minimums.readRow(groups[i], from, minimum, 0, count);
      roundColumn(error, scale, minimum, rounded);
      codes.put((first + i) * outputs + from, rounded, 0, count);
      float inverse = 1 / factor[i * width + i];
      for (int n = 0; n < count; n++) {
        error[n] *= inverse;
      }
      for (int j = i + 1; j < width; j++) {
        subtract(w[j], factor[i * width + j], error);
      }
      errors.writeRow(i, from, error, 0, count);
    }
  }

  /** Writes the codes of {@code values} and replaces the values by their rounding errors. */
  private static void roundColumn(float[] values, float[] scale, float[] minimum, byte[] rounded) {
    for (int n = 0; n < values.length; n++) {
      float code = GroupGrid.code(values[n], 1 / scale[n], minimum[n]);
      rounded[n] = (byte) code;
      values[n] -= scale[n] * code + minimum[n];
    }
  }

  private static void subtract(float[] target, float factor, float[] error) {
    for (int n = 0; n < error.length; n++) {
      target[n] -= factor * error[n];
    }
  }

  @Override
  public void addTile(
      double[] left, double[] right, int height, int width, int depth, double[] product) {
    for (int k = 0; k < depth; k += UNROLL) {
      for (int i = 0; i < height; i++) {
        addRow(left, k * height + i, height, right, k * width, width, product, i * width);
      }
    }
  }

  /** Adds eight steps of depth to one row of the product. */
  private static void addRow(
      double[] a, int p, int height, double[] b, int q, int width, double[] c, int o) {
    double a0 = a[p];
    double a1 = a[p + height];
    double a2 = a[p + 2 * height];
    double a3 = a[p + 3 * height];
    double a4 = a[p + 4 * height];
    double a5 = a[p + 5 * height];
    double a6 = a[p + 6 * height];
    double a7 = a[p + 7 * height];
    int q1 = q + width;
    int q2 = q1 + width;
    int q3 = q2 + width;
    int q4 = q3 + width;
    int q5 = q4 + width;
    int q6 = q5 + width;
    int q7 = q6 + width;
    for (int j = 0; j < width; j++) {
      c[o + j] +=
          (a0 * b[q + j] + a1 * b[q1 + j])
              + (a2 * b[q2 + j] + a3 * b[q3 + j])
              + ((a4 * b[q4 + j] + a5 * b[q5 + j]) + (a6 * b[q6 + j] + a7 * b[q7 + j]));
    }
  }

  @Override
  public void addProduct(Product product, int fromRow, int toRow, int fromColumn, int toColumn) {
    int depth = product.a().columns();
    for (int j = fromColumn; j < toColumn; j += COLUMNS) {
      float[][] right = new float[Math.min(Product.CHUNK, depth)][Math.min(COLUMNS, toColumn - j)];
      for (int step = 0; step < depth; step += Product.CHUNK) {
        int steps = Math.min(Product.CHUNK, depth - step);
        for (int s = 0; s < steps; s++) {
          read(product.b(), step + s, j, right[s], right[s].length);
        }
        addRows(product, fromRow, toRow, j, step, steps, right);
      }
    }
  }

  /** Adds a chunk of steps to the rows of a tile of columns. */
  private static void addRows(
      Product product, int from, int to, int column, int step, int steps, float[][] right) {
    MatrixView c = product.c();
    FloatBuffer target = c.floats();
    boolean fresh = product.fresh() && step == 0;
    float alpha = product.alpha();
    float[] left = new float[steps];
    float[] sums = new float[right[0].length];
    float[] before = new float[sums.length];
    for (int i = from; i < to; i++) {
      read(product.a(), i, step, left, steps);
      Arrays.fill(sums, 0);
      for (int s = 0; s < steps; s++) {
        addFused(sums, left[s], right[s]);
      }
      int at = c.offset() + i * c.rowStep() + column;
      target.get(at, before);
      for (int j = 0; j < sums.length; j++) {
        sums[j] = fresh ? alpha * sums[j] : Math.fma(alpha, sums[j], before[j]);
      }
      target.put(at, sums);
    }
  }

  private static void addFused(float[] sums, float factor, float[] row) {
    for (int j = 0; j < sums.length; j++) {
      sums[j] = Math.fma(factor, row[j], sums[j]);
    }
  }

  /** Copies {@code count} elements of a row from a column on. */
  private static void read(MatrixView view, int row, int column, float[] target, int count) {
    FloatBuffer floats = view.floats();
    int at = view.offset() + row * view.rowStep() + column * view.columnStep();
    if (view.columnStep() == 1) {
      floats.get(at, target, 0, count);
      return;
    }
    for (int j = 0; j < count; j++, at += view.columnStep()) {
      target[j] = floats.get(at);
    }
  }

  @Override
  public void addDivergence(Matrix reference, Matrix candidate, int from, int to, double[] sums) {
    float[] a = new float[reference.columns()];
    float[] b = new float[a.length];
    for (int t = from; t < to; t++) {
      reference.readRow(t, a);
      candidate.readRow(t, b);
      int at = t * Divergence.SUMS;
      float peak = largest(a, (float) sums[at]);
      float other = largest(b, (float) sums[at + 3]);
      double[][] lanes = new double[3][LANES];
      for (int i = 0; i < a.length; i++) {
        float weight = Exponential.exp(a[i] - peak);
        lanes[0][i % LANES] += weight;
        lanes[1][i % LANES] += weight * (a[i] - b[i]);
        lanes[2][i % LANES] += Exponential.exp(b[i] - other);
      }
      double kept = Exponential.exp((float) sums[at] - peak);
      double otherKept = Exponential.exp((float) sums[at + 3] - other);
      sums[at] = peak;
      sums[at + 1] = sums[at + 1] * kept + sum(lanes[0]);
      sums[at + 2] = sums[at + 2] * kept + sum(lanes[1]);
      sums[at + 3] = other;
      sums[at + 4] = sums[at + 4] * otherKept + sum(lanes[2]);
    }
  }

  private static float largest(float[] logits, float before) {
    float largest = before;
    for (float logit : logits) {
      largest = Math.max(largest, logit);
    }
    return largest;
  }

  /** Adds lanes i and i + 8, then i + 4, i + 2, i + 1. */
  private static double sum(double[] lanes) {
    for (int half = LANES / 2; half > 0; half /= 2) {
      for (int i = 0; i < half; i++) {
        lanes[i] += lanes[i + half];
      }
    }
    return lanes[0];
  }

  @Override
  public Optional<BlockKernels> block() {
    return Optional.empty();
  }
}
