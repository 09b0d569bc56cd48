package io.calm.kernels;

/**
 * A float32 product {@code C += alpha A B}, or {@code C = alpha A B}.
 *
 * <p>An element of A B is summed over chunks of {@link #CHUNK} steps of depth with fused products,
 * in the order of the steps. Each chunk's sum s joins the target as {@code fma(alpha, s, c)}; the
 * first of a fresh target as {@code alpha * s}. An element's bits thus depend only on its row of A,
 * its column of B and its own value.
 *
 * @param a [m, k], k at least 1
 * @param b [k, n]
 * @param fresh whether the target's elements are replaced rather than added to
 * @param c [m, n] with contiguous rows; shares no element with {@code a} and {@code b}
 */
public record Product(MatrixView a, MatrixView b, float alpha, boolean fresh, MatrixView c) {
  /** Steps of depth in one sum: CALM_PRODUCT_CHUNK in C. */
  static final int CHUNK = 256;

  public Product {
    if (a.columns() < 1
        || a.columns() != b.rows()
        || c.rows() != a.rows()
        || c.columns() != b.columns()
        || c.columnStep() != 1) {
      throw new IllegalArgumentException(
          "product: expected [m, k] times [k, n] and a target [m, n] with contiguous rows, got %s times %s and %s"
              .formatted(a, b, c));
    }
  }

  /** Returns the product that adds {@code alpha a b} to {@code c}. */
  public static Product add(float alpha, MatrixView a, MatrixView b, MatrixView c) {
    return new Product(a, b, alpha, false, c);
  }

  /** Returns the product that replaces {@code c} by {@code alpha a b}. */
  public static Product set(float alpha, MatrixView a, MatrixView b, MatrixView c) {
    return new Product(a, b, alpha, true, c);
  }

  /** Returns the number of multiply-adds. */
  long work() {
    return (long) a.rows() * a.columns() * b.columns();
  }
}
