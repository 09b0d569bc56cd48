package io.calm.replay;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.calm.kernels.JavaSearchKernels;
import io.calm.tensor.Matrix;

/** Measures products on the DJL engine, for comparison with the native kernels of this project. */
public final class ProductTimes implements AutoCloseable {
  private static final int REPEATS = 2;
  private static final double NANOS = 1e9;
  private static final double SHORTEST = 1e-9;

  private final TorchRuntime runtime;

  private ProductTimes(TorchRuntime runtime) {
    this.runtime = runtime;
  }

  /**
   * Loads the engine.
   *
   * @throws io.calm.torch.EngineMissingException if it is not available
   */
  public static ProductTimes open(int threads) {
    return new ProductTimes(TorchRuntime.open(threads, new JavaSearchKernels()));
  }

  /** Returns the seconds of a b' in float32, a [M, K], b [N, K]. */
  public double float32(Matrix a, Matrix b) {
    return repeated("linear_times", a, b);
  }

  /** Returns the seconds of the same in bfloat16, without the conversion of its operands. */
  public double bfloat16(Matrix a, Matrix b) {
    return repeated("linear_bf16_times", a, b);
  }

  /** Returns the time of additional repeats, which excludes conversions and the call itself. */
  private double repeated(String method, Matrix a, Matrix b) {
    double once = seconds(method, a, b, 1);
    return Math.max(SHORTEST, seconds(method, a, b, 1 + REPEATS) - once) / REPEATS;
  }

  private double seconds(String method, Matrix a, Matrix b, int times) {
    try (NDArray x = runtime.array(a);
        NDArray y = runtime.array(b);
        NDArray count = runtime.manager().zeros(new Shape(times))) {
      long start = System.nanoTime();
      try (NDArray row = runtime.call(method, x, y, count)) {
        row.toFloatArray();
      }
      return (System.nanoTime() - start) / NANOS;
    }
  }

  @Override
  public void close() {
    runtime.close();
  }
}
