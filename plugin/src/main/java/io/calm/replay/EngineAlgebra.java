package io.calm.replay;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import io.calm.tensor.LinearAlgebra;
import io.calm.tensor.Matrix;
import java.util.Optional;

/**
 * Dense operations on the PyTorch engine, in float32. A search uses them on a CUDA device: on the
 * CPU, their order of sums would depend on the number of threads. Not thread safe.
 */
final class EngineAlgebra implements LinearAlgebra {
  private final TorchRuntime runtime;

  EngineAlgebra(TorchRuntime runtime) {
    this.runtime = runtime;
  }

  @Override
  public Matrix multiplyTransposed(Matrix a, Matrix b) {
    try (NDArray x = runtime.array(a);
        NDArray y = runtime.array(b)) {
      return runtime.matrix(runtime.call("linear", x, y), a.rows(), b.rows());
    }
  }

  @Override
  public void addProduct(Matrix target, float alpha, Matrix a, Matrix b) {
    try (NDArray c = runtime.array(target);
        NDArray x = runtime.array(a);
        NDArray y = runtime.array(b);
        NDArray factor = runtime.manager().create(alpha);
        NDArray sum = runtime.call("add_product", c, x, y, factor)) {
      if (!runtime.onCpu()) {
        target.bytes().put(sum.toByteBuffer());
      }
    }
  }

  @Override
  public Optional<Matrix> inverseCholesky(Matrix h) {
    try (NDArray x = runtime.array(h)) {
      Optional<NDArray> lower = factor("cholesky", x);
      if (lower.isEmpty()) {
        return Optional.empty();
      }
      try (NDArray factor = lower.get()) {
        return factor("inverse_factor", factor)
            .map(upper -> runtime.matrix(upper, h.rows(), h.columns()));
      }
    }
  }

  /** Calls a method that returns a factor and LAPACK's info. Returns empty if info is not 0. */
  private Optional<NDArray> factor(String method, NDArray argument) {
    NDList result = runtime.callAll(method, argument);
    try (NDArray info = result.get(1)) {
      if (info.toIntArray()[0] == 0) {
        return Optional.of(result.get(0));
      }
    }
    result.get(0).close();
    return Optional.empty();
  }
}
