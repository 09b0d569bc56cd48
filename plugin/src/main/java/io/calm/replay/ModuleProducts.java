package io.calm.replay;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.calm.kernels.BlockKernels;
import io.calm.kernels.MatrixView;
import io.calm.kernels.NativeKernels;
import io.calm.kernels.Product;
import io.calm.kernels.Products;
import io.calm.kernels.SearchKernels;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import java.nio.ByteBuffer;
import java.util.OptionalInt;

/**
 * Products of the engine's arrays with W4A8 modules and with float32 weights, and Gram matrices of
 * their inputs, on the native kernels. The scored values of modules are therefore the served ones,
 * and none depends on the number of threads. The arrays are in CPU memory, which the engine and the
 * kernels share.
 */
final class ModuleProducts {
  private final TorchRuntime runtime;
  private final BlockKernels kernels;
  private final SearchKernels rounding;
  private final Parallel parallel;
  private final Products products;
  private final ParallelRows rows;

  ModuleProducts(
      TorchRuntime runtime, BlockKernels kernels, SearchKernels rounding, Parallel parallel) {
    this.runtime = runtime;
    this.kernels = kernels;
    this.rounding = rounding;
    this.parallel = parallel;
    this.products = new Products(rounding, parallel);
    this.rows = new ParallelRows(runtime, parallel);
  }

  /**
   * Returns the operations of a block over windows of {@code length} tokens.
   *
   * @param quantized whether it is a W4A8 block rather than a full-precision one
   */
  BlockOperations operations(
      ModelSpec spec, int layer, int length, BlockParameters<?> block, boolean quantized) {
    return new KernelOperations(runtime, kernels, parallel, spec, layer, length, block, quantized);
  }

  /**
   * Returns {@code x} [.., K] times a float32 weight [N, K], [.., N].
   *
   * @param bias [N], or empty
   */
  NDArray multiply(NDArray x, Matrix weight, float[] bias) {
    int width = weight.columns();
    int rows = Math.toIntExact(x.size() / width);
    return runtime.filled(
        shape(x, weight.rows()),
        y -> multiply(x, weight, bias, runtime.view(y, rows, weight.rows())));
  }

  private void multiply(NDArray x, Matrix weight, float[] bias, Matrix target) {
    int rows = target.rows();
    boolean fresh = bias.length == 0;
    if (!fresh) {
      parallel.ranges(
          rows,
          (from, to) -> {
            for (int row = from; row < to; row++) {
              target.writeRow(row, bias);
            }
          });
    }
    products.run(
        new Product(
            MatrixView.of(x.toByteBuffer(true), rows, weight.columns()),
            MatrixView.of(weight).transposed(),
            1,
            fresh,
            MatrixView.of(target)));
  }

  private static Shape shape(NDArray x, int outputs) {
    long[] shape = x.getShape().getShape().clone();
    shape[shape.length - 1] = outputs;
    return new Shape(shape);
  }

  /** Adds {@code x' y} to {@code sum} [X, Y], with x [.., X] and y [.., Y]. */
  void addCross(Matrix sum, NDArray x, NDArray y) {
    int rows = Math.toIntExact(y.size() / sum.columns());
    products.run(
        Product.add(
            1,
            MatrixView.of(x.toByteBuffer(true), rows, sum.rows()).transposed(),
            MatrixView.of(y.toByteBuffer(true), rows, sum.columns()),
            MatrixView.of(sum)));
  }

  /**
   * Returns {@code x} [.., K], rounded to int8, times the module, [.., N].
   *
   * @param bias [N], or empty
   */
  NDArray multiply(NDArray x, QuantizedLinear module, float[] bias, boolean perToken) {
    int rows = Math.toIntExact(x.size() / module.inputs());
    ByteBuffer from = x.toByteBuffer(true);
    return runtime.filled(
        shape(x, module.outputs()),
        y -> {
          ByteBuffer to = y.toByteBuffer(true);
          parallel.ranges(
              rows, (first, end) -> kernels.multiply(module, bias, perToken, from, first, end, to));
        });
  }

  /** Returns the norm of each row of {@code x} [.., D]. */
  NDArray norm(NDArray x, float[] weight, float epsilon) {
    return runtime.filled(
        x.getShape(),
        y ->
            kernels.norm(
                x.toByteBuffer(true),
                NativeKernels.floats(weight),
                epsilon,
                weight.length,
                Math.toIntExact(x.size() / weight.length),
                y.toByteBuffer(true),
                parallel));
  }

  TorchRuntime runtime() {
    return runtime;
  }

  /** Returns the operations on single rows. */
  ParallelRows rows() {
    return rows;
  }

  /** Adds the statistics of each column of {@code x} [.., K]. */
  void addStatistics(ColumnStatistics.Sum sum, NDArray x, int width) {
    int count = Math.toIntExact(x.size() / width);
    sum.add(kernels.columnStatistics(x.toByteBuffer(true), count, width, parallel), count);
  }

  /** Returns the products {@code x x'} of the rows of each sequence of {@code x} [.., T, K]. */
  NDArray rowProducts(NDArray x) {
    int sequences = Math.toIntExact(x.getShape().get(0));
    int length = Math.toIntExact(x.getShape().get(1));
    int width = Math.toIntExact(x.getShape().get(2));
    MatrixView rows = MatrixView.of(x.toByteBuffer(true), sequences * length, width);
    return runtime.filled(
        new Shape(sequences, length, length),
        y -> {
          MatrixView all = MatrixView.of(runtime.view(y, sequences * length, length));
          for (int s = 0; s < sequences; s++) {
            int from = s * length;
            int to = from + length;
            MatrixView sequence = rows.part(from, to, 0, width);
            products.run(
                new Product(
                    sequence, sequence.transposed(), 1, true, all.part(from, to, 0, length)));
          }
        });
  }

  /** Returns {@code x} [.., K] rounded to int8 and back, as a new array. */
  NDArray rounded(NDArray x, int width, int step) {
    int count = Math.toIntExact(x.size() / width);
    return runtime.filled(
        x.getShape(),
        copy -> {
          Matrix source = runtime.view(x, count, width);
          Matrix target = runtime.view(copy, count, width);
          parallel.ranges(
              count,
              (from, to) -> {
                ParallelRows.copy(source, target, from, to);
                rounding.roundInputs(target, from, to, step);
              });
        });
  }

  /**
   * Adds X'X of {@code x} [.., K], which is rounded in place and closed.
   *
   * @param sum [K, K]
   * @param step number of inputs that share a scale of int8; empty if they are not rounded
   */
  void addGram(Matrix sum, NDArray x, OptionalInt step) {
    int rows = Math.toIntExact(x.size() / sum.rows());
    try (Matrix rounded = runtime.matrix(x, rows, sum.rows())) {
      step.ifPresent(
          group ->
              parallel.ranges(rows, (from, to) -> rounding.roundInputs(rounded, from, to, group)));
      kernels.addGram(rounded, sum, parallel);
    }
  }
}
