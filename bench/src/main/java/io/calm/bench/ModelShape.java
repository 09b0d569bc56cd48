package io.calm.bench;

import io.calm.cli.ArgumentException;
import io.calm.model.ModelSpec;
import io.calm.model.RopeSpec;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** A model shape that is measured with random weights. */
public record ModelShape(String name, ModelSpec spec) {
  private static final int CONTEXT = 8192;

  /** All shapes, by size. */
  public static final List<ModelShape> ALL =
      List.of(
          llama("smollm2-135m", 576, 1536, 30, 9, 3, 64, 49152, true),
          llama("llama-1b", 2048, 8192, 16, 32, 8, 64, 32000, false),
          llama("llama-3b", 3072, 8192, 28, 24, 8, 128, 128256, true),
          llama("llama-8b", 4096, 14336, 32, 32, 8, 128, 128256, false));

  private static ModelShape llama(
      String name,
      int hidden,
      int intermediate,
      int layers,
      int heads,
      int kvHeads,
      int headDim,
      int vocabulary,
      boolean tied) {
    return new ModelShape(
        name,
        new ModelSpec(
            "llama",
            hidden,
            layers,
            heads,
            kvHeads,
            headDim,
            intermediate,
            vocabulary,
            CONTEXT,
            1e-5f,
            new RopeSpec(10000f, new RopeSpec.None()),
            tied,
            Set.of(),
            false,
            Collections.nCopies(layers, 0)));
  }

  /** Returns the same shape for contexts of {@code tokens} tokens. */
  ModelShape withContext(int tokens) {
    return new ModelShape(
        name,
        new ModelSpec(
            spec.architecture(),
            spec.hidden(),
            spec.layers(),
            spec.heads(),
            spec.kvHeads(),
            spec.headDim(),
            spec.intermediate(),
            spec.vocabulary(),
            tokens,
            spec.rmsEpsilon(),
            spec.rope(),
            spec.tiedEmbeddings(),
            spec.biases(),
            spec.headNorms(),
            spec.windows()));
  }

  /**
   * Returns the shape of that name.
   *
   * @throws ArgumentException if there is none, naming all
   */
  public static ModelShape named(String name) {
    return named("--shape", name);
  }

  /**
   * Returns the shape of that name.
   *
   * @param option for the error message
   */
  static ModelShape named(String option, String name) {
    return ALL.stream()
        .filter(shape -> shape.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new ArgumentException(
                    "%s: expected one of %s, got %s".formatted(option, names(), name)));
  }

  private static String names() {
    return ALL.stream().map(ModelShape::name).collect(Collectors.joining(", "));
  }
}
