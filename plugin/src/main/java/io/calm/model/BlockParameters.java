package io.calm.model;

import io.calm.tensor.Matrix;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;

/**
 * The parameters of one decoder block, in full precision or W4A8.
 *
 * @param <L> type of a linear's weight [N, K]
 * @param linears the weights of all seven linears
 * @param biases the biases [N] of the linears that have one
 * @param norms the weights of the norms that the model has
 */
public record BlockParameters<L>(
    Map<LinearRole, L> linears, Map<LinearRole, float[]> biases, Map<NormRole, float[]> norms) {

  public BlockParameters {
    linears = Collections.unmodifiableMap(new EnumMap<>(linears));
    biases = enumMap(LinearRole.class, biases);
    norms = enumMap(NormRole.class, norms);
    for (LinearRole role : LinearRole.values()) {
      if (!linears.containsKey(role)) {
        throw new IllegalArgumentException("block: linear " + role + " is missing");
      }
    }
  }

  /** Closes the weights of a block in full precision. */
  public static void close(BlockParameters<Matrix> block) {
    block.linears().values().forEach(Matrix::close);
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

  /**
   * Returns the weight of {@code norm}.
   *
   * @throws IllegalArgumentException if the model has no such norm
   */
  public float[] norm(NormRole norm) {
    float[] weight = norms.get(norm);
    if (weight == null) {
      throw new IllegalArgumentException("no norm " + norm);
    }
    return weight;
  }
}
