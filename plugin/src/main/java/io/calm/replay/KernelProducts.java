package io.calm.replay;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.calm.kernels.BlockKernels;
import io.calm.kernels.MatrixView;
import io.calm.kernels.NativeKernels;
import io.calm.kernels.Product;
import io.calm.kernels.Products;
import io.calm.kernels.SearchKernels;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.replay.BlockPass.InputRounding;
import io.calm.tensor.Matrix;
import io.calm.tensor.Owned;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.BiFunction;

/**
 * The products of a block's stages on the native kernels that serve. The scored values of modules
 * are therefore the served ones, and none depends on the number of threads. The engine's arrays are
 * in CPU memory, which the engine and the kernels share.
 */
final class KernelProducts implements StageProducts {
  private static final float[] NO_BIAS = new float[0];

  private final TorchRuntime runtime;
  private final BlockKernels kernels;
  private final SearchKernels rounding;
  private final Parallel parallel;
  private final Products products;
  private final ParallelRows rows;

  KernelProducts(
      TorchRuntime runtime, BlockKernels kernels, SearchKernels rounding, Parallel parallel) {
    this.runtime = runtime;
    this.kernels = kernels;
    this.rounding = rounding;
    this.parallel = parallel;
    this.products = new Products(rounding, parallel);
    this.rows = new ParallelRows(runtime, parallel);
  }

  @Override
  public BlockOperations operations(
      ModelSpec spec, int layer, int length, BlockParameters<?> block, boolean quantized) {
    return new KernelOperations(runtime, kernels, parallel, spec, layer, length, block, quantized);
  }

  @Override
  public NDArray linear(NDArray x, NDArray weight) {
    if (weight.size() > Integer.MAX_VALUE / Float.BYTES) {
      return runtime.call("linear", x, weight); // a buffer of Java has less than 2 GiB
    }
    int outputs = Math.toIntExact(weight.getShape().get(0));
    int inputs = Math.toIntExact(weight.getShape().get(1));
    return multiply(x, runtime.view(weight, outputs, inputs), NO_BIAS);
  }

  @Override
  public NDArray norm(NDArray x, float[] weight, float epsilon) {
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

  @Override
  public ColumnStatistics statistics(List<NDArray> inputs, TokenWeights weights, int width) {
    ColumnStatistics.Sum sum = new ColumnStatistics.Sum(width);
    for (int i = 0; i < inputs.size(); i++) {
      if (weights.areEqual()) {
        addStatistics(sum, inputs.get(i), width);
        continue;
      }
      try (NDArray x = weights.scaled(this, i, inputs.get(i))) {
        addStatistics(sum, x, width);
      }
    }
    return sum.result();
  }

  private void addStatistics(ColumnStatistics.Sum sum, NDArray x, int width) {
    int count = Math.toIntExact(x.size() / width);
    sum.add(kernels.columnStatistics(x.toByteBuffer(true), count, width, parallel), count);
  }

  @Override
  public Matrix gram(
      List<NDArray> inputs, TokenWeights weights, int width, Optional<InputRounding> how) {
    try (Owned opening = new Owned()) {
      Matrix sum = runtime.zeros(width, width);
      opening.add(sum, sum::close);
      for (int i = 0; i < inputs.size(); i++) {
        addGram(sum, weights.scaled(this, i, inputs.get(i)), how);
      }
      opening.handOver();
      return sum;
    }
  }

  /** Adds X'X of {@code x} [.., K] to {@code sum} [K, K]; x is rounded in place and closed. */
  private void addGram(Matrix sum, NDArray x, Optional<InputRounding> how) {
    int width = sum.rows();
    int count = Math.toIntExact(x.size() / width);
    try (Matrix inputs = runtime.matrix(x, count, width)) {
      how.ifPresent(
          mode ->
              parallel.ranges(
                  count, (from, to) -> rounding.roundInputs(inputs, from, to, mode.step(width))));
      kernels.addGram(inputs, sum, parallel);
    }
  }

  @Override
  public NDArray rowProducts(NDArray x) {
    int sequences = Math.toIntExact(x.getShape().get(0));
    int length = Math.toIntExact(x.getShape().get(1));
    int width = Math.toIntExact(x.getShape().get(2));
    MatrixView all = MatrixView.of(x.toByteBuffer(true), sequences * length, width);
    return runtime.filled(
        new Shape(sequences, length, length),
        y -> {
          MatrixView target = MatrixView.of(runtime.view(y, sequences * length, length));
          for (int s = 0; s < sequences; s++) {
            int from = s * length;
            int to = from + length;
            MatrixView sequence = all.part(from, to, 0, width);
            products.run(
                new Product(
                    sequence, sequence.transposed(), 1, true, target.part(from, to, 0, length)));
          }
        });
  }

  @Override
  public NDArray rounded(NDArray x, int width, InputRounding how) {
    int count = Math.toIntExact(x.size() / width);
    int step = how.step(width);
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

  @Override
  public NDArray copy(NDArray x) {
    return rows.copy(x);
  }

  @Override
  public NDArray quotient(NDArray x, float[] divisors) {
    return rows.quotient(x, divisors);
  }

  @Override
  public NDArray difference(NDArray x, NDArray y) {
    rows.subtract(x, y);
    return x;
  }

  @Override
  public NDArray scaled(NDArray x, float[] factors) {
    rows.scale(x, factors);
    return x;
  }

  @Override
  public double[] norms(NDArray x) {
    return rows.norms(x);
  }

  @Override
  public void addCross(Matrix sum, NDArray x, NDArray y) {
    int count = Math.toIntExact(y.size() / sum.columns());
    products.run(
        Product.add(
            1,
            MatrixView.of(x.toByteBuffer(true), count, sum.rows()).transposed(),
            MatrixView.of(y.toByteBuffer(true), count, sum.columns()),
            MatrixView.of(sum)));
  }

  @Override
  public Linears weights(
      List<LinearRole> roles, Map<LinearRole, Matrix> weights, Map<LinearRole, float[]> biases) {
    return new InPlace(
        false,
        (role, x) ->
            multiply(x, StageProducts.required(weights, role), biases.getOrDefault(role, NO_BIAS)));
  }

  /** Returns {@code x} [.., K] times a weight [N, K] plus a bias [N] or none. */
  private NDArray multiply(NDArray x, Matrix weight, float[] bias) {
    int count = Math.toIntExact(x.size() / weight.columns());
    return runtime.filled(
        shape(x, weight.rows()),
        y -> multiply(x, weight, bias, runtime.view(y, count, weight.rows())));
  }

  private void multiply(NDArray x, Matrix weight, float[] bias, Matrix target) {
    int count = target.rows();
    boolean fresh = bias.length == 0;
    if (!fresh) {
      parallel.ranges(
          count,
          (from, to) -> {
            for (int row = from; row < to; row++) {
              target.writeRow(row, bias);
            }
          });
    }
    products.run(
        new Product(
            MatrixView.of(x.toByteBuffer(true), count, weight.columns()),
            MatrixView.of(weight).transposed(),
            1,
            fresh,
            MatrixView.of(target)));
  }

  @Override
  public Linears modules(
      List<LinearRole> roles,
      Map<LinearRole, QuantizedLinear> modules,
      Map<LinearRole, float[]> biases,
      ActivationMode mode) {
    boolean perToken = mode == ActivationMode.PER_TOKEN;
    return new InPlace(
        true,
        (role, x) ->
            multiply(
                x,
                StageProducts.required(modules, role),
                biases.getOrDefault(role, NO_BIAS),
                perToken));
  }

  /** Returns {@code x} [.., K], rounded to int8, times the module plus a bias [N] or none. */
  private NDArray multiply(NDArray x, QuantizedLinear module, float[] bias, boolean perToken) {
    int count = Math.toIntExact(x.size() / module.inputs());
    ByteBuffer from = x.toByteBuffer(true);
    return runtime.filled(
        shape(x, module.outputs()),
        y -> {
          ByteBuffer to = y.toByteBuffer(true);
          parallel.ranges(
              count,
              (first, end) -> kernels.multiply(module, bias, perToken, from, first, end, to));
        });
  }

  private static Shape shape(NDArray x, int outputs) {
    long[] shape = x.getShape().getShape().clone();
    shape[shape.length - 1] = outputs;
    return new Shape(shape);
  }

  /** Products that read the weights where they are. */
  private record InPlace(boolean roundTheirInput, BiFunction<LinearRole, NDArray, NDArray> product)
      implements Linears {
    @Override
    public NDArray multiply(LinearRole role, NDArray x) {
      return product.apply(role, x);
    }

    @Override
    public void close() {
      // Nothing was opened.
    }
  }
}
