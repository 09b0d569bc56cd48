package io.calm.replay;

import ai.djl.ndarray.NDArray;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.replay.BlockPass.InputRounding;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedLinear;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The linears of a block's stages, the sums over their inputs, [.., K] in chunks, and operations on
 * the rows of these.
 */
interface StageProducts {

  /**
   * Returns the operations between the linears of a block over windows of {@code length} tokens.
   *
   * @param quantized whether it is a W4A8 block rather than a full-precision one
   */
  BlockOperations operations(
      ModelSpec spec, int layer, int length, BlockParameters<?> block, boolean quantized);

  /** Returns {@code x} [.., K] times a weight [N, K] on the device, [.., N]. */
  NDArray linear(NDArray x, NDArray weight);

  /** Returns {@code x / sqrt(mean(x^2) + epsilon) * weight} for each row of {@code x} [.., D]. */
  NDArray norm(NDArray x, float[] weight, float epsilon);

  /** Returns the statistics of each column of all weighted inputs. */
  ColumnStatistics statistics(List<NDArray> inputs, TokenWeights weights, int width);

  /**
   * Returns X'X [K, K] over all weighted inputs.
   *
   * @param rounding of the inputs; empty if they are not rounded
   */
  Matrix gram(
      List<NDArray> inputs, TokenWeights weights, int width, Optional<InputRounding> rounding);

  /**
   * Returns the products {@code x x'} of the rows of each sequence, [sequences, T, T].
   *
   * @param x [sequences, T, K]
   */
  NDArray rowProducts(NDArray x);

  /** Returns {@code x} rounded to int8 and back, as a new array. */
  NDArray rounded(NDArray x, int width, InputRounding rounding);

  /** Returns a copy. */
  NDArray copy(NDArray x);

  /** Returns {@code x} [.., K] divided by {@code divisors} [K], as a new array. */
  NDArray quotient(NDArray x, float[] divisors);

  /** Returns {@code x - y}. {@code x} is closed, or is the difference itself. */
  NDArray difference(NDArray x, NDArray y);

  /**
   * Returns {@code x} [windows, T, K] with each row times its factor. {@code x} is closed, or is
   * the product itself.
   *
   * @param factors [windows * T]
   */
  NDArray scaled(NDArray x, float[] factors);

  /** Returns the norm of each row of {@code x} [windows, T, K], summed in float64. */
  double[] norms(NDArray x);

  /** Adds {@code x' y} to {@code sum}. */
  void addCross(Matrix sum, NDArray x, NDArray y);

  /**
   * Prepares linears in float32.
   *
   * @param weights [N, K] of each role
   * @param biases [N] of the roles that have one
   */
  Linears weights(
      List<LinearRole> roles, Map<LinearRole, Matrix> weights, Map<LinearRole, float[]> biases);

  /** Prepares W4A8 modules, likewise. */
  Linears modules(
      List<LinearRole> roles,
      Map<LinearRole, QuantizedLinear> modules,
      Map<LinearRole, float[]> biases,
      ActivationMode mode);

  /** The linears of a stage. */
  interface Linears extends AutoCloseable {

    /** Returns whether they round their input to int8; otherwise the caller does. */
    boolean roundTheirInput();

    /** Returns the output of a linear for a chunk of its input, [.., N]. */
    NDArray multiply(LinearRole role, NDArray x);

    @Override
    void close();
  }

  /**
   * Returns what a map has for a role.
   *
   * @throws IllegalArgumentException if it has nothing
   */
  static <T> T required(Map<LinearRole, T> weights, LinearRole role) {
    T weight = weights.get(role);
    if (weight == null) {
      throw new IllegalArgumentException("linear %s: it has no weight".formatted(role));
    }
    return weight;
  }
}
