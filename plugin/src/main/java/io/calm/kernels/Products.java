package io.calm.kernels;

import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;

/**
 * Float32 products on several threads. A product is cut along its longer side; its bits depend on
 * neither the number of threads nor the kernel variant. Immutable.
 */
public final class Products {
  /** Multiply-adds below which a second thread costs more than it gives. */
  private static final long LEAST_WORK = 1 << 21;

  /** Rows or columns of a piece are a multiple of this, except the last. */
  private static final int ALIGNMENT = 32;

  /** Rows or columns of a piece at most: enough to outweigh packing the other operand again. */
  private static final int LARGEST = 256;

  private final SearchKernels kernels;
  private final Parallel parallel;

  public Products(SearchKernels kernels, Parallel parallel) {
    this.kernels = kernels;
    this.parallel = parallel;
  }

  /** Computes a product. */
  public void run(Product product) {
    int rows = product.c().rows();
    int columns = product.c().columns();
    if (product.work() < LEAST_WORK) {
      kernels.addProduct(product, 0, rows, 0, columns);
      return;
    }
    int side = Math.max(rows, columns);
    int share = (side + parallel.threads() - 1) / parallel.threads();
    int unit = Math.min(LARGEST, (share + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT);
    parallel.ranges(
        (side + unit - 1) / unit,
        (first, end) -> {
          int from = first * unit;
          int to = Math.min(side, end * unit);
          if (rows >= columns) {
            kernels.addProduct(product, from, to, 0, columns);
          } else {
            kernels.addProduct(product, 0, rows, from, to);
          }
        });
  }

  /** Returns {@code a b'}, [m, n], of a [m, k] and b [n, k]. The caller closes it. */
  public Matrix multiplyTransposed(Matrix a, Matrix b) {
    Matrix product = Matrix.allocate(a.rows(), b.rows());
    run(Product.set(1, MatrixView.of(a), MatrixView.of(b).transposed(), MatrixView.of(product)));
    return product;
  }
}
