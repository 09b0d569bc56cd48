package io.calm.bench;

import io.calm.model.ModelSpec;
import io.calm.model.RopeSpec;
import java.util.List;
import java.util.Set;

/** Shapes of models that are small enough for a test. */
final class Shapes {
  private Shapes() {}

  static ModelShape tiny(boolean tied) {
    return new ModelShape(
        "tiny",
        new ModelSpec(
            "llama",
            64,
            2,
            2,
            1,
            32,
            96,
            320,
            512,
            1e-5f,
            new RopeSpec(10000f, new RopeSpec.None()),
            tied,
            Set.of(),
            false,
            List.of(0, 0)));
  }
}
