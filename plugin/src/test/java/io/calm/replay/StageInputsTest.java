package io.calm.replay;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.types.Shape;
import io.calm.kernels.KernelVariants;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.QuantizedModel;
import io.calm.model.Stage;
import io.calm.runtime.RandomModels;
import io.calm.tensor.Matrix;
import io.calm.testing.DequantizedBlock;
import io.calm.testing.Seeds;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** A full-precision forward that drops the inputs of its last stage. */
class StageInputsTest {
  private static final int LENGTH = 24;

  @Test
  void aFinishedForwardHasItsOutputAndNoInputs() {
    QuantizedModel model =
        RandomModels.model(RandomModels.plain(), 32, ActivationMode.PER_GROUP, new Random(4));
    BlockParameters<Matrix> block = DequantizedBlock.of(model.blocks().get(0));
    try (TorchRuntime torch = TorchRuntime.open(2, KernelVariants.ofThisMachine().searchKernels());
        HiddenStates states = states(torch, model.spec().hidden());
        StageInputs whole = StageInputs.of(states, model.spec(), 0, block);
        StageInputs finished = StageInputs.of(states, model.spec(), 0, block)) {
      finished.advanceTo(Stage.MLP_OUT);
      finished.finish();
      IllegalStateException refusal =
          assertThrows(IllegalStateException.class, () -> finished.input(Stage.MLP_OUT, 0));
      assertTrue(String.valueOf(refusal.getMessage()).contains("read it once"));
      try (HiddenStates expected = whole.takeOutput();
          HiddenStates output = finished.takeOutput()) {
        assertArrayEquals(
            expected.chunks().get(0).toFloatArray(), output.chunks().get(0).toFloatArray());
      }
    } finally {
      block.linears().values().forEach(Matrix::close);
    }
  }

  private static HiddenStates states(TorchRuntime runtime, int width) {
    Random random = new Random(Seeds.of(5));
    float[] values = new float[LENGTH * width];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return new HiddenStates(
        runtime, List.of(runtime.manager().create(values, new Shape(1, LENGTH, width))));
  }
}
