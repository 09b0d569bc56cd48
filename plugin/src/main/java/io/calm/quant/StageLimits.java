package io.calm.quant;

import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.Stage;
import io.calm.tensor.Matrix;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The sizes of stages that algorithms can work on. Each matrix is one direct buffer, and some are
 * larger than any linear: the stacked weights of a stage, and X'X of its input.
 */
public final class StageLimits {
  private StageLimits() {}

  /**
   * Requires that X'X of a stage's input fits in a direct buffer.
   *
   * @throws QuantizationException if it does not
   */
  public static void requireGram(ModelSpec spec, Stage stage) {
    int inputs = spec.inputs(stage);
    if (!Matrix.fits(inputs, inputs)) {
      throw new QuantizationException(
          "linear %s: X'X [%d, %d] of its inputs takes more than the 2^31 - 1 bytes of a direct buffer; use an algorithm without X'X, such as rtn, awq or smoothquant"
              .formatted(names(stage.linears()), inputs, inputs));
    }
  }

  /**
   * Requires that the stacked weights of linears fit in a direct buffer.
   *
   * @throws QuantizationException if they do not
   */
  static void requireStacked(ModelSpec spec, List<LinearRole> roles) {
    int inputs = spec.inputs(roles.get(0));
    int outputs = roles.stream().mapToInt(spec::outputs).sum();
    if (!Matrix.fits(outputs, inputs)) {
      throw new QuantizationException(
          "linear %s: its weights [%d, %d] take more than the 2^31 - 1 bytes of a direct buffer; use an algorithm that rounds each linear by itself, such as rtn"
              .formatted(names(roles), outputs, inputs));
    }
  }

  private static String names(List<LinearRole> roles) {
    return roles.stream().map(LinearRole::name).collect(Collectors.joining("+"));
  }
}
