package io.calm.artifact;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.NormRole;
import io.calm.model.QuantizedModel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;

/** Compares models to the last byte. */
final class SameModel {
  private SameModel() {}

  static void assertSame(QuantizedModel expected, QuantizedModel got) {
    assertEquals(expected.spec(), got.spec());
    assertEquals(expected.activation(), got.activation());
    for (int layer = 0; layer < expected.blocks().size(); layer++) {
      assertSame(layer, expected.blocks().get(layer), got.blocks().get(layer));
    }
    assertSame(expected.embeddings(), got.embeddings());
    assertSame(expected.head(), got.head());
    assertEquals(expected.head() == expected.embeddings(), got.head() == got.embeddings());
    assertArrayEquals(expected.finalNorm(), got.finalNorm());
  }

  private static void assertSame(
      int layer, BlockParameters<QuantizedLinear> expected, BlockParameters<QuantizedLinear> got) {
    for (LinearRole role : LinearRole.values()) {
      assertEquals(expected.linear(role), got.linear(role), () -> "block " + layer + " " + role);
    }
    assertEquals(expected.biases().keySet(), got.biases().keySet());
    expected.biases().forEach((role, b) -> assertArrayEquals(b, got.biases().get(role)));
    assertEquals(expected.norms().keySet(), got.norms().keySet());
    for (NormRole norm : expected.norms().keySet()) {
      assertArrayEquals(expected.norm(norm), got.norm(norm));
    }
  }

  private static void assertSame(TokenTable expected, TokenTable got) {
    assertEquals(expected, got);
  }
}
