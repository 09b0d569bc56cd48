package io.calm.quant;

import io.calm.model.ActivationMode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.ServiceLoader;

/** The algorithms on the class path, by name, and compositions of two, e.g. {@code awq+gptq}. */
public final class Quantizers {
  /** Members of the pool unless the settings say otherwise, tried in this order. */
  private static final List<String> DEFAULT_POOL = List.of("rtn", "gptq", "awq", "smoothquant");

  /** The same with one activation scale per token, where a fold helps GPTQ. */
  private static final List<String> PER_TOKEN_POOL =
      List.of("rtn", "gptq", "awq+gptq", "smoothquant+gptq");

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

  /** Returns the names of the single algorithms and of all compositions of two. */
  public List<String> namesWithCompositions() {
    List<String> names = new ArrayList<>(names());
    for (Quantizer first : byName.values()) {
      for (Quantizer second : byName.values()) {
        String name = first.name() + "+" + second.name();
        first.composedWith(second, name).map(Quantizer::name).ifPresent(names::add);
      }
    }
    return names;
  }

  /**
   * Returns the default pool.
   *
   * @param activation granularity of the activation scales
   * @param propagating whether {@code qep} replaces {@code gptq}, also in compositions
   */
  public List<Quantizer> defaultPool(ActivationMode activation, boolean propagating) {
    List<String> names = activation == ActivationMode.PER_TOKEN ? PER_TOKEN_POOL : DEFAULT_POOL;
    return names.stream()
        .map(name -> propagating ? name.replace("gptq", "qep") : name)
        .map(AlgorithmName::new)
        .map(this::get)
        .toList();
  }

  /**
   * Returns the algorithm called {@code name}, or a composition of two: the fold of one and the
   * rounding of another, e.g. {@code awq+gptq}, or {@code source} and the rounding of the linears
   * without stored codes, e.g. {@code source+gptq}.
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
      Quantizer first = byName.get(parts.get(0));
      Quantizer second = byName.get(parts.get(1));
      if (first != null && second != null) {
        Optional<Quantizer> composition = first.composedWith(second, name.text());
        if (composition.isPresent()) {
          return composition.get();
        }
      }
    }
    throw new IllegalArgumentException(
        "no algorithm '%s'; there are %s, and compositions such as awq+gptq (fold+rounding) and source+gptq"
            .formatted(name, String.join(", ", byName.keySet())));
  }
}
