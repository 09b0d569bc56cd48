package io.calm.quant;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.junit.jupiter.api.Test;

/** The default pools, and what compositions need. */
class QuantizersTest {
  private final Quantizers quantizers = Quantizers.load();

  private List<String> pool(boolean propagating) {
    return quantizers.defaultPool(propagating).stream().map(Quantizer::name).toList();
  }

  @Test
  void thePoolPropagatesErrorsOnlyWithManyTokens() {
    assertEquals(List.of("source", "rtn", "gptq", "awq", "smoothquant"), pool(false));
    assertEquals(List.of("source", "rtn", "qep", "awq", "smoothquant"), pool(true));
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
