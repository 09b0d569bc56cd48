package io.calm.quant.source;

import io.calm.model.LinearRole;
import io.calm.quant.BlockSample;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedMatrix;
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

  /** Sums by row first, so that the result does not depend on the threads. */
  private static Squares squares(Matrix weight, QuantizedMatrix linear, Parallel parallel) {
    double[] error = new double[linear.outputs()];
    double[] norm = new double[linear.outputs()];
    int groups = linear.scales().length / linear.outputs();
    parallel.ranges(
        linear.outputs(),
        (from, to) -> {
          float[] row = new float[linear.inputs()];
          for (int n = from; n < to; n++) {
            weight.readRow(n, row);
            for (int k = 0; k < row.length; k++) {
              int grid = n * groups + k / linear.group();
              float value =
                  linear.scales()[grid] * linear.codes()[n * row.length + k]
                      + linear.minimums()[grid];
              double difference = (double) value - row[k];
              error[n] += difference * difference;
              norm[n] += (double) row[k] * row[k];
            }
          }
        });
    double errors = 0;
    double norms = 0;
    for (int n = 0; n < error.length; n++) {
      errors += error[n];
      norms += norm[n];
    }
    return new Squares(errors, norms);
  }

  /**
   * Returns the findings for the plan: {@code weights} for the whole block, and one entry for each
   * linear, in lower case.
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
    detail.put("weights", rounded.isEmpty() && sum(taken).error() == 0 ? "exact" : summary.toString());
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
