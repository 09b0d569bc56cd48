package io.calm.testing;

import io.calm.model.ModelSpec;
import io.calm.model.RopeSpec;
import java.util.Collections;
import java.util.Set;

/** Shapes of LLaMA models with as many key-value heads as query heads, of 128 channels each. */
public final class LlamaShapes {
  private LlamaShapes() {}

  /** Returns the shape of a model with 32,000 tokens and a context of 4,096. */
  public static ModelSpec of(int hidden, int intermediate, int layers) {
    int heads = hidden / 128;
    return new ModelSpec(
        "llama",
        hidden,
        layers,
        heads,
        heads,
        128,
        intermediate,
        32000,
        4096,
        1e-5f,
        new RopeSpec(10_000, new RopeSpec.None()),
        false,
        Set.of(),
        false,
        Collections.nCopies(layers, 0));
  }
}
