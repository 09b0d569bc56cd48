package io.calm.replay;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.calm.kernels.BlockKernels;
import io.calm.kernels.SearchKernels;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import java.nio.ByteBuffer;
import java.util.List;

/**
 * Products of the engine's arrays with W4A8 modules, and Gram matrices of their inputs, on the
 * native kernels that serve. The scored values are therefore the served ones. The arrays are in CPU
 * memory, which the engine and the kernels share.
 */
final class ModuleProducts {
  private final TorchRuntime runtime;
  private final BlockKernels kernels;
  private final SearchKernels rounding;
  private final Parallel parallel;

  ModuleProducts(
      TorchRuntime runtime, BlockKernels kernels, SearchKernels rounding, Parallel parallel) {
    this.runtime = runtime;
    this.kernels = kernels;
    this.rounding = rounding;
    this.parallel = parallel;
  }

  /** Returns the operations of a W4A8 block over windows of {@code length} tokens. */
  BlockOperations operations(ModelSpec spec, int layer, int length, BlockParameters<?> block) {
    return new KernelOperations(runtime, kernels, parallel, spec, layer, length, block);
  }

  /**
   * Returns {@code x} [.., K], rounded to int8, times the module, [.., N].
   *
   * @param bias [N], or empty
   */
  NDArray multiply(NDArray x, QuantizedLinear module, float[] bias, boolean perToken) {
    int rows = Math.toIntExact(x.size() / module.inputs());
    long[] shape = x.getShape().getShape().clone();
    shape[shape.length - 1] = module.outputs();
    NDArray y = runtime.manager().create(new Shape(shape), DataType.FLOAT32);
    ByteBuffer from = x.toByteBuffer(true);
    ByteBuffer to = y.toByteBuffer(true);
    parallel.ranges(
        rows, (first, end) -> kernels.multiply(module, bias, perToken, from, first, end, to));
    return y;
  }

  /** Returns the statistics of each column of all inputs [.., K]. */
  ColumnStatistics statistics(List<NDArray> inputs, int width) {
    ColumnStatistics.Sum sum = new ColumnStatistics.Sum(width);
    for (NDArray x : inputs) {
      int rows = Math.toIntExact(x.size() / width);
      sum.add(kernels.columnStatistics(x.toByteBuffer(true), rows, width, parallel), rows);
    }
    return sum.result();
  }

  /** Returns {@code x} [.., K] rounded to int8 and back, as a new array. */
  NDArray rounded(NDArray x, int width, int step) {
    int rows = Math.toIntExact(x.size() / width);
    NDArray copy = x.duplicate();
    Matrix view = runtime.view(copy, rows, width);
    parallel.ranges(rows, (from, to) -> rounding.roundInputs(view, from, to, step));
    view.close();
    return copy;
  }

  /**
   * Returns X'X [K, K] over all inputs [.., K], rounded to int8.
   *
   * @param step number of inputs that share a scale
   */
  Matrix gram(List<NDArray> inputs, int width, int step) {
    Matrix sum = runtime.matrix(runtime.manager().zeros(new Shape(width, width)), width, width);
    for (NDArray x : inputs) {
      int rows = Math.toIntExact(x.size() / width);
      try (Matrix rounded = runtime.matrix(x.duplicate(), rows, width)) {
        parallel.ranges(rows, (from, to) -> rounding.roundInputs(rounded, from, to, step));
        kernels.addGram(rounded, sum, parallel);
      }
    }
    return sum;
  }
}
