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
   * Returns {@code a b'} with relative errors of up to 2^-7 where that is much faster: for
   * comparing alternatives that differ by far more.
   */
  default Matrix approximateProduct(Matrix a, Matrix b) {
    return multiplyTransposed(a, b);
  }
}
