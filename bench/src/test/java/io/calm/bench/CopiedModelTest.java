package io.calm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.QuantizedModel;
import io.calm.runtime.CopiedModel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;
import org.junit.jupiter.api.Test;

class CopiedModelTest {
  private static void assertCopy(QuantizedLinear expected, QuantizedLinear copy) {
    assertNotSame(expected, copy);
    assertEquals(expected, copy); // the buffers by their bytes
  }

  @Test
  void aCopyHasTheBytesOfTheModelAndSharesATiedHead() {
    QuantizedModel model =
        RandomModel.of(ModelShape.named("smollm2-135m").spec(), RandomModel.Head.INT4, 3);
    QuantizedModel copy = CopiedModel.of(model);
    assertEquals(model.spec(), copy.spec());
    assertEquals(model.activation(), copy.activation());
    assertSame(copy.embeddings(), copy.head());
    assertCopy(((TokenTable.Int4) model.head()).weight(), ((TokenTable.Int4) copy.head()).weight());
    for (int layer = 0; layer < model.blocks().size(); layer++) {
      BlockParameters<QuantizedLinear> block = model.blocks().get(layer);
      BlockParameters<QuantizedLinear> copied = copy.blocks().get(layer);
      assertEquals(block.norms(), copied.norms());
      for (LinearRole role : LinearRole.values()) {
        assertCopy(block.linears().get(role), copied.linears().get(role));
      }
    }
    QuantizedModel int8 = CopiedModel.of(RandomModel.withInt8Head(model, 4));
    assertEquals(RandomModel.withInt8Head(model, 4).head(), int8.head());
  }
}
