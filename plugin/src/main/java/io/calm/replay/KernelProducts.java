package io.calm.replay;

import ai.djl.ndarray.NDArray;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.replay.BlockPass.InputRounding;
import io.calm.tensor.Matrix;
import io.calm.tensor.Owned;
import io.calm.tensor.QuantizedLinear;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.BiFunction;

/** The linears of a block's stages on the native kernels that serve. */
record KernelProducts(ModuleProducts kernels) implements StageProducts {
  private static final float[] NO_BIAS = new float[0];

  @Override
  public BlockOperations operations(
      ModelSpec spec, int layer, int length, BlockParameters<?> block, boolean quantized) {
    return kernels.operations(spec, layer, length, block, quantized);
  }

  @Override
  public ColumnStatistics statistics(List<NDArray> inputs, TokenWeights weights, int width) {
    ColumnStatistics.Sum sum = new ColumnStatistics.Sum(width);
    for (int i = 0; i < inputs.size(); i++) {
      if (weights.areEqual()) {
        kernels.addStatistics(sum, inputs.get(i), width);
        continue;
      }
      try (NDArray x = weights.scaled(this, i, inputs.get(i))) {
        kernels.addStatistics(sum, x, width);
      }
    }
    return sum.result();
  }

  @Override
  public Matrix gram(
      List<NDArray> inputs, TokenWeights weights, int width, Optional<InputRounding> rounding) {
    OptionalInt step = rounding.stream().mapToInt(how -> how.step(width)).findFirst();
    try (Owned opening = new Owned()) {
      Matrix sum = kernels.runtime().zeros(width, width);
      opening.add(sum, sum::close);
      for (int i = 0; i < inputs.size(); i++) {
        kernels.addGram(sum, weights.scaled(this, i, inputs.get(i)), step);
      }
      opening.handOver();
      return sum;
    }
  }

  @Override
  public NDArray rowProducts(NDArray x) {
    return kernels.rowProducts(x);
  }

  @Override
  public NDArray rounded(NDArray x, int width, InputRounding rounding) {
    return kernels.rounded(x, width, rounding.step(width));
  }

  @Override
  public NDArray copy(NDArray x) {
    return kernels.rows().copy(x);
  }

  @Override
  public NDArray quotient(NDArray x, float[] divisors) {
    return kernels.rows().quotient(x, divisors);
  }

  @Override
  public NDArray difference(NDArray x, NDArray y) {
    kernels.rows().subtract(x, y);
    return x;
  }

  @Override
  public NDArray scaled(NDArray x, float[] factors) {
    kernels.rows().scale(x, factors);
    return x;
  }

  @Override
  public double[] norms(NDArray x) {
    return kernels.rows().norms(x);
  }

  @Override
  public void addCross(Matrix sum, NDArray x, NDArray y) {
    kernels.addCross(sum, x, y);
  }

  @Override
  public Linears weights(
      List<LinearRole> roles, Map<LinearRole, Matrix> weights, Map<LinearRole, float[]> biases) {
    return new Products(
        false,
        (role, x) -> {
          Matrix weight = StageProducts.required(weights, role);
          return kernels.multiply(x, weight, biases.getOrDefault(role, NO_BIAS));
        });
  }

  @Override
  public Linears modules(
      List<LinearRole> roles,
      Map<LinearRole, QuantizedLinear> modules,
      Map<LinearRole, float[]> biases,
      ActivationMode mode) {
    boolean perToken = mode == ActivationMode.PER_TOKEN;
    return new Products(
        true,
        (role, x) -> {
          QuantizedLinear module = StageProducts.required(modules, role);
          return kernels.multiply(x, module, biases.getOrDefault(role, NO_BIAS), perToken);
        });
  }

  /** Products that read the weights where they are. */
  private record Products(boolean roundTheirInput, BiFunction<LinearRole, NDArray, NDArray> product)
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
