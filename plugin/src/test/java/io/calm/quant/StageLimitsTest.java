package io.calm.quant;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.model.ModelSpec;
import io.calm.model.Stage;
import io.calm.testing.LlamaShapes;
import java.lang.reflect.Proxy;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Blocks with matrices beyond a direct buffer are failures of an algorithm, not of the search. */
class StageLimitsTest {
  private static final ModelSpec LARGE = LlamaShapes.of(12288, 28672, 1);

  /** Returns an object that knows only the model's sizes and its stage. */
  private static <T> T sized(Class<T> type, Stage stage) {
    return type.cast(
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (proxy, method, arguments) ->
                switch (method.getName()) {
                  case "spec" -> LARGE;
                  case "stage" -> stage;
                  default -> throw new AssertionError("read before the sizes: " + method);
                }));
  }

  private static void fails(String linear, Runnable work) {
    QuantizationException failure = assertThrows(QuantizationException.class, work::run);
    assertTrue(String.valueOf(failure.getMessage()).startsWith("linear " + linear + ": "), linear);
  }

  @Test
  void algorithmsFailBeforeTheyReadABlock() {
    for (String name : List.of("gptq", "qep", "awq", "smoothquant", "awq+gptq")) {
      Quantizer quantizer = Quantizers.load().get(new AlgorithmName(name));
      fails("GATE+UP", () -> quantizer.quantize(sized(BlockSample.class, Stage.MLP_IN)));
    }
  }

  @Test
  void algorithmsFailBeforeTheyReadAStage() {
    BlockSample sample = sized(BlockSample.class, Stage.MLP_OUT);
    for (String name : List.of("gptq", "qep", "awq+gptq")) {
      StageQuantizer quantizer =
          Quantizers.load().get(new AlgorithmName(name)).stages().orElseThrow();
      fails("DOWN", () -> quantizer.quantizeStage(sample, sized(StageWalk.class, Stage.MLP_OUT)));
      fails("GATE+UP", () -> quantizer.quantizeStage(sample, sized(StageWalk.class, Stage.MLP_IN)));
    }
  }

  @Test
  void aStageWhoseWeightsDoNotFitTogetherIsAFailureOfTheAlgorithm() {
    BlockSample sample = sized(BlockSample.class, Stage.MLP_IN);
    StageWalk walk = sized(StageWalk.class, Stage.MLP_IN);
    fails("GATE+UP", () -> new StageProblem(sample, walk).close());
  }
}
