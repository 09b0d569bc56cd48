package io.calm.model;

import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;

/**
 * The parameters of one block, whatever form its linears have: full precision, or W4A8.
 *
 * @param <L> a linear's weight [N, K]
 * @param linears all seven
 * @param biases [N] for the linears that have one
 * @param norms weights of the norms that the model has
 */
public record BlockParameters<L>(
    Map<LinearRole, L> linears, Map<LinearRole, float[]> biases, Map<NormRole, float[]> norms) {

  public BlockParameters {
    linears = Collections.unmodifiableMap(new EnumMap<>(linears));
    biases = enumMap(LinearRole.class, biases);
    norms = enumMap(NormRole.class, norms);
    for (LinearRole role : LinearRole.values()) {
      if (!linears.containsKey(role)) {
        throw new IllegalArgumentException("a block without its linear " + role);
      }
    }
  }

  private static <K extends Enum<K>, V> Map<K, V> enumMap(Class<K> type, Map<K, V> source) {
    EnumMap<K, V> copy = new EnumMap<>(type);
    copy.putAll(source);
    return Collections.unmodifiableMap(copy);
  }

  /** Returns the weight of {@code role}. */
  public L linear(LinearRole role) {
    L linear = linears.get(role);
    if (linear == null) {
      throw new IllegalArgumentException("no linear " + role);
    }
    return linear;
  }

  /** Returns the weight of {@code norm}; fails where the model has no such norm. */
  public float[] norm(NormRole norm) {
    float[] weight = norms.get(norm);
    if (weight == null) {
      throw new IllegalArgumentException("no norm " + norm);
    }
    return weight;
  }
}
