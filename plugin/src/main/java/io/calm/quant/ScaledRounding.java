package io.calm.quant;

import io.calm.kernels.GroupGrid;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedMatrix;
import java.nio.FloatBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;

/** Rounds a stage's weights as they are under fold scales that are being compared. */
interface ScaledRounding {

  /**
   * Rounds.
   *
   * @param weight [N, K], already multiplied by the scales; some or all outputs of the stage
   * @param scales [K], positive
   * @param linears the name of the linear that a row of the weight belongs to, for messages
   * @throws QuantizationException if the scaled weights do not fit a grid
   */
  QuantizedMatrix round(Matrix weight, float[] scales, IntFunction<String> linears);

  /**
   * Rounds to nearest on quickly fitted grids: nearest codes need the same treatment for all
   * scales, not the last digit of accuracy.
   *
   * @param weighted whether grids are fitted with the inputs' mean squares
   */
  static ScaledRounding nearest(StageProblem stage, boolean weighted) {
    return (weight, scales, linears) ->
        Grids.fit(
                weight,
                stage.group(),
                weighted ? importance(stage, scales) : null,
                GroupGrid.Effort.QUICK,
                stage.compute(),
                linears)
            .encode(weight, stage.compute());
  }

  /**
   * Returns this rounding with a memory: the same outputs under the same scales are rounded once,
   * although they are compared on two samples of rows.
   */
  default ScaledRounding remembered() {
    Map<FloatBuffer, QuantizedMatrix> results = new HashMap<>();
    return (weight, scales, linears) ->
        results.computeIfAbsent(
            FloatBuffer.wrap(scales.clone()), key -> round(weight, scales, linears));
  }

  private static float @Nullable [] importance(StageProblem stage, float[] scales) {
    return Importance.of(ScaledStatistics.meanSquare(stage.activations(), scales));
  }

  /**
   * Rounds with error feedback.
   *
   * @param gram X'X of the stage, [K, K], without scales; owned by the caller
   */
  static ScaledRounding feedback(StageProblem stage, Rounding rounding, Matrix gram) {
    return (weight, scales, linears) ->
        rounding.round(
            new RoundingProblem(
                weight,
                stage.group(),
                new ScaledStatistics(stage.activations(), gram, scales),
                linears,
                stage.algebra(),
                stage.compute()));
  }
}
