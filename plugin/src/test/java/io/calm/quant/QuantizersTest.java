package io.calm.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.model.ActivationMode;
import java.util.List;
import org.junit.jupiter.api.Test;

/** The default pools, and what compositions need. */
class QuantizersTest {
  private final Quantizers quantizers = Quantizers.load();

  private List<String> pool(ActivationMode activation, boolean propagating) {
    return quantizers.defaultPool(activation, propagating).stream().map(Quantizer::name).toList();
  }

  @Test
  void thePoolPropagatesErrorsOnRequest() {
    assertEquals(
        List.of("rtn", "gptq", "awq", "smoothquant"), pool(ActivationMode.PER_GROUP, false));
    assertEquals(List.of("rtn", "qep", "awq", "smoothquant"), pool(ActivationMode.PER_GROUP, true));
  }

  @Test
  void foldsPrecedeErrorFeedbackInThePoolForOneScalePerToken() {
    assertEquals(
        List.of("rtn", "gptq", "awq+gptq", "smoothquant+gptq"),
        pool(ActivationMode.PER_TOKEN, false));
    assertEquals(
        List.of("rtn", "qep", "awq+qep", "smoothquant+qep"), pool(ActivationMode.PER_TOKEN, true));
  }

  @Test
  void compositionsCompareStreamsWhereTheirRoundingDoes() {
    for (String name : List.of("qep", "awq+qep", "source+qep")) {
      assertTrue(quantizers.get(new AlgorithmName(name)).comparesStreams(), name);
    }
    for (String name : List.of("rtn", "gptq", "awq+gptq", "source+gptq", "source")) {
      assertFalse(quantizers.get(new AlgorithmName(name)).comparesStreams(), name);
    }
  }
}
