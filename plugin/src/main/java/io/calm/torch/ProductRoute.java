package io.calm.torch;

/** The ways in which a decoder program multiplies activations by 4-bit weights. */
enum ProductRoute {
  /** A float32 product of integers for each group, exact, then the sum over groups. */
  GROUPED(0),
  /**
   * One int8 product with the activations of each group in a row of their own, exact, then the sum
   * over groups. Reads weights as int8, but multiplies as many times as there are groups.
   */
  DIAGONAL(1);

  private static final int CPU_ROWS = 4;
  private static final int CUDA_ROWS = 32;

  private final int number;

  ProductRoute(int number) {
    this.number = number;
  }

  /** Returns the number of the route in the program. */
  int number() {
    return number;
  }

  /**
   * Returns the route of a pass of {@code rows} rows. The limit for CUDA is an estimate and was not
   * measured.
   */
  static ProductRoute of(boolean onCpu, int rows) {
    return rows <= (onCpu ? CPU_ROWS : CUDA_ROWS) ? DIAGONAL : GROUPED;
  }
}
