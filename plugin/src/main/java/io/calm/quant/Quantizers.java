package io.calm.quant;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.stream.Stream;

/** The algorithms on the class path, by name, and compositions {@code fold+rounding} of two. */
public final class Quantizers {
  /** Members of the pool unless the settings say otherwise, tried in this order. */
  private static final List<AlgorithmName> DEFAULT_POOL =
      Stream.of("source", "rtn", "gptq", "qep", "awq", "smoothquant").map(AlgorithmName::new).toList();

  private final Map<String, Quantizer> byName = new LinkedHashMap<>();

  private Quantizers() {
    // The plugin's class loader, not the thread's: DJL Serving's threads cannot see plugins.
    for (Quantizer quantizer :
        ServiceLoader.load(Quantizer.class, Quantizers.class.getClassLoader())) {
      byName.put(quantizer.name(), quantizer);
    }
  }

  /** Finds every algorithm. */
  public static Quantizers load() {
    return new Quantizers();
  }

  /** Returns the names of the single algorithms. */
  public List<String> names() {
    return List.copyOf(byName.keySet());
  }

  /** Returns the default pool. */
  public List<Quantizer> defaultPool() {
    return DEFAULT_POOL.stream().map(this::get).toList();
  }

  /**
   * Returns the algorithm called {@code name}, or the composition of the fold of one and the
   * rounding of another, e.g. {@code awq+gptq}.
   *
   * @throws IllegalArgumentException if there is none, with the names that there are
   */
  public Quantizer get(AlgorithmName name) {
    Quantizer single = byName.get(name.text());
    if (single != null) {
      return single;
    }
    List<String> parts = new ArrayList<>(List.of(name.text().split("\\+", -1)));
    if (parts.size() == 2) {
      Optional<Fold> fold = Optional.ofNullable(byName.get(parts.get(0))).flatMap(Quantizer::fold);
      Optional<Rounding> rounding =
          Optional.ofNullable(byName.get(parts.get(1))).flatMap(Quantizer::rounding);
      if (fold.isPresent() && rounding.isPresent()) {
        return new StagewiseQuantizer(name.text(), fold, rounding.get());
      }
    }
    throw new IllegalArgumentException(
        "no algorithm '%s'; there are %s, and compositions fold+rounding such as awq+gptq"
            .formatted(name, String.join(", ", byName.keySet())));
  }
}
