package io.calm.cka;

import io.calm.kernels.SearchKernels;
import java.util.List;

/** The measures by name. */
public final class Similarities {
  private static final List<String> NAMES =
      List.of(DebiasedCka.NAME, BiasedCka.NAME, RelativeMse.NAME);

  private Similarities() {}

  /** Returns the values that {@code calm.search.metric} takes, the default first. */
  public static List<String> names() {
    return NAMES;
  }

  /**
   * Returns a measure.
   *
   * @param name one of {@link #names}
   * @param threads maximum number of threads of a comparison, the caller's included; the result has
   *     the same bits whatever their number
   * @param kernels the inner loop of products; the result has the same bits with either
   */
  public static Similarity byName(String name, int threads, SearchKernels kernels) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads: expected 1 or more, got " + threads);
    }
    return switch (name) {
      case DebiasedCka.NAME -> new DebiasedCka(threads, kernels);
      case BiasedCka.NAME -> new BiasedCka(threads, kernels);
      case RelativeMse.NAME -> new RelativeMse(threads, kernels);
      default ->
          throw new IllegalArgumentException(
              "calm.search.metric: expected one of %s, got \"%s\"; correct the key or remove it"
                  .formatted(NAMES, name));
    };
  }
}
