package io.calm.quant.source;

import io.calm.model.LinearRole;
import io.calm.quant.BlockSample;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedMatrix;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.StringJoiner;

/**
 * The relative errors of a block's 4-bit weights: the norm of the difference from the checkpoint's
 * weights, over the norm of those weights.
 */
final class WeightErrors {
  /** Key of the finding for all linears together. */
  static final String WHOLE = "weights";

  /** Rows whose squares are added in float32. */
  private static final int TILE = 16;

  private final Map<LinearRole, Squares> taken = new EnumMap<>(LinearRole.class);
  private final Map<LinearRole, Squares> rounded = new EnumMap<>(LinearRole.class);

  private WeightErrors() {}

  /** The sums of squares of an error and of the weights. */
  private record Squares(double error, double weights) {
    Squares plus(Squares other) {
      return new Squares(error + other.error, weights + other.weights);
    }

    double relative() {
      return error == 0 ? 0 : Math.sqrt(error / weights);
    }

    String text() {
      return error == 0 ? "exact" : String.format(Locale.ROOT, "relative error %.1e", relative());
    }
  }

  /** Measures all linears of a block. */
  static WeightErrors of(BlockSample sample, Map<LinearRole, QuantizedMatrix> linears) {
    WeightErrors errors = new WeightErrors();
    linears.forEach(
        (role, linear) -> {
          Squares squares =
              squares(sample.block().linear(role), linear, sample.compute().parallel());
          (sample.source(role).isPresent() ? errors.taken : errors.rounded).put(role, squares);
        });
    return errors;
  }

  /** Sums by tiles of rows, so that the result does not depend on the threads. */
  private static Squares squares(Matrix weight, QuantizedMatrix linear, Parallel parallel) {
    int tiles = (linear.outputs() + TILE - 1) / TILE;
    double[] errors = new double[tiles];
    double[] norms = new double[tiles];
    parallel.ranges(
        tiles,
        (from, to) -> {
          float[] row = new float[linear.inputs()];
          float[] difference = new float[linear.inputs()];
          float[] errorSums = new float[linear.inputs()];
          float[] normSums = new float[linear.inputs()];
          for (int tile = from; tile < to; tile++) {
            int end = Math.min(linear.outputs(), (tile + 1) * TILE);
            for (int n = tile * TILE; n < end; n++) {
              weight.readRow(n, row);
              subtract(linear, n, row, difference);
              addSquares(difference, errorSums);
              addSquares(row, normSums);
            }
            errors[tile] = takeSum(errorSums);
            norms[tile] = takeSum(normSums);
          }
        });
    return new Squares(Arrays.stream(errors).sum(), Arrays.stream(norms).sum());
  }

  /** Writes {@code scale * code + minimum - row} of row {@code n}. */
  private static void subtract(QuantizedMatrix linear, int n, float[] row, float[] difference) {
    byte[] codes = linear.codes();
    int groups = linear.scales().length / linear.outputs();
    int first = n * row.length;
    for (int j = 0; j < groups; j++) {
      float scale = linear.scales()[n * groups + j];
      float minimum = linear.minimums()[n * groups + j];
      int end = Math.min(row.length, (j + 1) * linear.group());
      for (int k = j * linear.group(); k < end; k++) {
        difference[k] = scale * codes[first + k] + minimum - row[k];
      }
    }
  }

  /** Adds squares column by column, which the compiler vectorizes. */
  private static void addSquares(float[] values, float[] sums) {
    for (int k = 0; k < values.length; k++) {
      sums[k] += values[k] * values[k];
    }
  }

  /** Returns the sum and sets all elements to 0. */
  private static double takeSum(float[] sums) {
    double sum = 0;
    for (int k = 0; k < sums.length; k++) {
      sum += sums[k];
      sums[k] = 0;
    }
    return sum;
  }

  /**
   * Returns the findings for the plan: {@link #WHOLE} for all linears together, and one entry for
   * each linear, in lower case.
   *
   * @param rounding the rounding of the linears without stored codes
   */
  Map<String, String> detail(String rounding) {
    Map<String, String> detail = new LinkedHashMap<>();
    taken.forEach((role, squares) -> detail.put(name(role), "own codes, " + squares.text()));
    rounded.forEach((role, squares) -> detail.put(name(role), rounding + ", " + squares.text()));
    StringJoiner summary = new StringJoiner("; ");
    if (!taken.isEmpty()) {
      summary.add("own codes: " + sum(taken).text());
    }
    if (!rounded.isEmpty()) {
      summary.add("%s in %s: %s".formatted(rounding, names(rounded), sum(rounded).text()));
    }
    detail.put(WHOLE, summary.toString());
    return detail;
  }

  private static String name(LinearRole role) {
    return role.name().toLowerCase(Locale.ROOT);
  }

  private static String names(Map<LinearRole, Squares> linears) {
    StringJoiner names = new StringJoiner(", ");
    linears.keySet().forEach(role -> names.add(name(role)));
    return names.toString();
  }

  private static Squares sum(Map<LinearRole, Squares> linears) {
    return linears.values().stream().reduce(new Squares(0, 0), Squares::plus);
  }
}
