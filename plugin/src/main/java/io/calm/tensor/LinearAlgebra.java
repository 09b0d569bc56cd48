package io.calm.tensor;

import java.util.Optional;

/** The few dense operations that quantizers need on large matrices. Thread confined. */
public interface LinearAlgebra {

  /** Returns {@code a b'}, [m, n], of a [m, k] and b [n, k]; float32. The caller closes it. */
  Matrix multiplyTransposed(Matrix a, Matrix b);

  /** Adds {@code alpha * a b} to {@code target} [m, n], with a [m, k] and b [k, n]; float32. */
  void addProduct(Matrix target, float alpha, Matrix a, Matrix b);

  /**
   * Returns the upper triangular U with {@code inverse(h) = U'U}: the Cholesky factor of the
   * inverse that GPTQ walks along (arXiv 2210.17323, section 3.3). The caller closes it.
   *
   * @param h symmetric [k, k]; not changed
   * @return empty where {@code h} is not positive definite in float32
   */
  Optional<Matrix> inverseCholesky(Matrix h);

  /**
   * Replaces {@code target} [n, k] by {@code target inverse(h)}; float32.
   *
   * @param h symmetric [k, k]; not changed
   * @return whether {@code h} is positive definite in float32; otherwise the target is unchanged
   */
  default boolean divide(Matrix target, Matrix h) {
    Optional<Matrix> factor = inverseCholesky(h);
    if (factor.isEmpty()) {
      return false;
    }
    try (Matrix upper = factor.get();
        Matrix half = multiplyTransposed(target, upper)) {
      target.fill(0);
      addProduct(target, 1, half, upper);
      return true;
    }
  }

  /**
   * Returns {@code a b'} with relative errors of up to 2^-7 where that is much faster: for
   * comparing alternatives that differ by far more.
   */
  default Matrix approximateProduct(Matrix a, Matrix b) {
    return multiplyTransposed(a, b);
  }
}
