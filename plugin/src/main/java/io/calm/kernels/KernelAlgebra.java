package io.calm.kernels;

import io.calm.tensor.LinearAlgebra;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import java.util.Optional;

/**
 * Dense operations on the search kernels, in float32. Results have the same bits for every number
 * of threads and every kernel variant, including the kernels in Java. Thread confined, because
 * {@link LinearAlgebra} is.
 */
public final class KernelAlgebra implements LinearAlgebra {
  private final Products products;
  private final Parallel parallel;

  public KernelAlgebra(SearchKernels kernels, Parallel parallel) {
    this.products = new Products(kernels, parallel);
    this.parallel = parallel;
  }

  @Override
  public Matrix multiplyTransposed(Matrix a, Matrix b) {
    return products.multiplyTransposed(a, b);
  }

  @Override
  public void addProduct(Matrix target, float alpha, Matrix a, Matrix b) {
    products.run(Product.add(alpha, MatrixView.of(a), MatrixView.of(b), MatrixView.of(target)));
  }

  @Override
  public Optional<Matrix> inverseCholesky(Matrix h) {
    return InverseFactor.of(h, products, parallel);
  }

  @Override
  public boolean divide(Matrix target, Matrix h) {
    try (Matrix copy = h.copy()) {
      Optional<CholeskyFactor> factor = CholeskyFactor.of(copy, products);
      if (factor.isEmpty()) {
        return false;
      }
      try (CholeskyFactor lower = factor.get()) {
        lower.solve(target);
      }
      return true;
    }
  }
}
