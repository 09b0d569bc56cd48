package io.calm.quant;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import io.calm.checkpoint.Goldens;
import io.calm.checkpoint.safetensors.SafetensorsFile;
import io.calm.checkpoint.storage.CheckpointFile;
import io.calm.checkpoint.storage.TensorTable;
import io.calm.quant.gptq.GptqQuantizer;
import io.calm.tensor.Matrix;
import io.calm.testing.JsonFile;
import java.io.IOException;
import org.junit.jupiter.api.Test;

/** Errors of the roundings against those of an independent Python reference, at most 1 % above. */
class RoundingGoldenTest {
  private static final double SLACK = 1.01;
  private static final int GROUP = 64;

  private final TensorTable tensors =
      SafetensorsFile.read(CheckpointFile.open(Goldens.path("quantizers/quant.safetensors")));
  private final Matrix weight = tensors.get("w").read();
  private final Matrix inputs = tensors.get("x").read();

  private static JsonObject figures(String key) throws IOException {
    return JsonFile.object(Goldens.path("quantizers/quant.json")).getAsJsonObject(key);
  }

  private Matrix rounded(Rounding rounding) {
    try (LinearStage stage = LinearStage.ofAllTokens(weight, inputs, GROUP);
        StageProblem problem = stage.problem()) {
      return rounding.round(problem.rounding()).dequantize();
    }
  }

  private static void requireAtMost(double expected, double got) {
    assertTrue(got <= SLACK * expected, "expected at most %g, got %g".formatted(expected, got));
  }

  @Test
  void plainGrid() throws IOException {
    Matrix rounded = rounded(new NearestRounding(false));
    requireAtMost(
        figures("mean_squared_weight_error").get("least_squares_grid").getAsDouble(),
        LinearStage.weightError(weight, rounded));
    requireAtMost(
        figures("mean_squared_output_error").get("rtn (least-squares grid)").getAsDouble(),
        LinearStage.outputError(inputs, weight, rounded));
  }

  @Test
  void weightedGrid() throws IOException {
    requireAtMost(
        figures("mean_squared_output_error").get("rtn, grid weighted by diag(H)").getAsDouble(),
        LinearStage.outputError(inputs, weight, rounded(new NearestRounding(true))));
  }

  @Test
  void gptq() throws IOException {
    Rounding gptq = new GptqQuantizer().rounding().orElseThrow();
    requireAtMost(
        figures("mean_squared_output_error").get("gptq_act_order_static_groups").getAsDouble(),
        LinearStage.outputError(inputs, weight, rounded(gptq)));
  }
}
