package io.calm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import org.junit.jupiter.api.Test;

class StepWorkTest {
  private static final double KV = 2.0 * 2 * 2 * 32; // keys and values, float16, layers, kv width

  private static ModelSpec spec(boolean tied) {
    return Shapes.tiny(tied).spec();
  }

  @Test
  void theBytesOfADecodeAreThoseOfAModel() {
    for (boolean tied : new boolean[] {true, false}) {
      double expected =
          RandomModel.bytesPerToken(RandomModel.of(spec(tied), RandomModel.Head.INT4, 1));
      StepWork work = StepWork.decode(spec(tied), KV, 100, 3);
      assertEquals(expected, work.weightBytes());
      assertEquals(300 * KV, work.kvBytes());
    }
  }

  @Test
  void productsAreCountedPerRowAndLogit() {
    ModelSpec spec = spec(true);
    double blocks = 0;
    for (int layer = 0; layer < spec.layers(); layer++) {
      for (LinearRole role : LinearRole.values()) {
        blocks += (double) spec.outputs(role) * spec.inputs(role);
      }
    }
    double head = (double) spec.vocabulary() * spec.hidden();
    assertEquals(5 * (blocks + head), StepWork.decode(spec, KV, 1, 5).products());
    assertEquals(7 * blocks + head, StepWork.prefill(spec, KV, 20, 7).products());
  }

  @Test
  void aPromptSeesEveryTokenUpToItsOwn() {
    ModelSpec spec = spec(true);
    double seen = 0;
    for (int position = 20 - 7; position < 20; position++) {
      seen += StepWork.decode(spec, KV, position + 1, 1).attentionProducts();
    }
    assertEquals(seen, StepWork.prefill(spec, KV, 20, 7).attentionProducts());
  }

  @Test
  void anUnknownPeakTakesNoTime() {
    StepWork work = new StepWork(6, 4, 20, 30);
    StepWork.Seconds known = work.seconds(new StepWork.Limits(5, 10, 10));
    assertEquals(2, known.memory());
    assertEquals(5, known.compute());
    assertEquals(7, known.sum());
    assertEquals(5, known.longer());
    assertEquals(0, work.seconds(new StepWork.Limits(5, 0, 0)).compute());
  }

  @Test
  void theShapesHaveTheSizesOfTheirNames() {
    assertTrue(
        Math.abs(StepWork.parameters(ModelShape.named("smollm2-135m").spec()) - 0.135e9) < 1e6);
    assertTrue(Math.abs(StepWork.parameters(ModelShape.named("llama-3b").spec()) - 3.21e9) < 1e7);
    assertTrue(Math.abs(StepWork.parameters(ModelShape.named("llama-8b").spec()) - 8.03e9) < 1e7);
  }
}
