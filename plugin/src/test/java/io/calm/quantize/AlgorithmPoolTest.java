package io.calm.quantize;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.model.ModelSpec;
import io.calm.quant.AlgorithmName;
import io.calm.quant.Granularity;
import io.calm.quant.Quantizers;
import io.calm.testing.LlamaShapes;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** Pools for models whose stages exceed a direct buffer. */
class AlgorithmPoolTest {
  private static void require(ModelSpec spec, Granularity granularity, String... names) {
    Quantizers quantizers = Quantizers.load();
    AlgorithmPool.requireSizes(
        "calm.pool",
        Arrays.stream(names).map(AlgorithmName::new).map(quantizers::get).toList(),
        spec,
        granularity);
  }

  private static void refused(
      String message, ModelSpec spec, Granularity granularity, String... names) {
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> require(spec, granularity, names));
    assertEquals(
        "calm.pool: no named algorithm can quantize blocks of this size: " + message,
        refused.getMessage());
  }

  @Test
  void algorithmsWithXxAreRefusedAboveTheLimitUnlessAnotherCanWork() {
    ModelSpec large = LlamaShapes.of(8192, 28672, 2);
    String xx =
        ": linear DOWN: X'X [28672, 28672] of its inputs takes more than the 2^31 - 1 bytes of a"
            + " direct buffer; use an algorithm without X'X, such as rtn, awq or smoothquant";
    for (Granularity granularity : Granularity.values()) {
      refused("gptq" + xx + "; awq+qep" + xx, large, granularity, "gptq", "awq+qep");
      require(large, granularity, "gptq", "awq");
      require(large, granularity, "smoothquant");
      require(large, granularity, "source+gptq"); // may find codes for every down
    }
  }

  @Test
  void theLimitIsThatOfADirectBuffer() {
    require(LlamaShapes.of(1024, 23170, 2), Granularity.BLOCK, "gptq");
    assertThrows(
        IllegalArgumentException.class,
        () -> require(LlamaShapes.of(1024, 23171, 2), Granularity.BLOCK, "gptq"));
  }

  @Test
  void algorithmsThatStackGateAndUpAreRefusedWhereTheyDoNotFitTogether() {
    ModelSpec large = LlamaShapes.of(12288, 28672, 2);
    refused(
        "awq: linear GATE+UP: its weights [57344, 12288] take more than the 2^31 - 1 bytes of a"
            + " direct buffer; use an algorithm that rounds each linear by itself, such as rtn",
        large,
        Granularity.STAGE,
        "awq");
    require(large, Granularity.STAGE, "awq", "rtn");
  }
}
