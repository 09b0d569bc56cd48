package io.calm.replay;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.types.Shape;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.replay.BlockPass.InputRounding;
import io.calm.tensor.Matrix;
import io.calm.tensor.Owned;
import io.calm.tensor.Packing;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.RowNorms;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The linears of a block's stages on the PyTorch engine, in float32. */
record EngineProducts(TorchRuntime runtime) implements StageProducts {

  @Override
  public BlockOperations operations(
      ModelSpec spec, int layer, int length, BlockParameters<?> block, boolean quantized) {
    return new EngineOperations(runtime, spec, layer, length, block, quantized);
  }

  @Override
  public NDArray linear(NDArray x, NDArray weight) {
    return runtime.call("linear", x, weight);
  }

  @Override
  public NDArray norm(NDArray x, float[] weight, float epsilon) {
    try (NDArray w = runtime.array(weight);
        NDArray smallest = runtime.manager().create(epsilon)) {
      return runtime.call("rms_norm", x, w, smallest);
    }
  }

  @Override
  public ColumnStatistics statistics(List<NDArray> inputs, TokenWeights weights, int width) {
    ColumnStatistics.Sum sum = new ColumnStatistics.Sum(width);
    for (int i = 0; i < inputs.size(); i++) {
      try (NDArray x = weights.scaled(this, i, inputs.get(i));
          NDArray statistics = runtime.call("column_statistics", x)) {
        sum.add(statistics.toFloatArray(), x.size() / width);
      }
    }
    return sum.result();
  }

  @Override
  public Matrix gram(
      List<NDArray> inputs, TokenWeights weights, int width, Optional<InputRounding> rounding) {
    try (Owned opening = new Owned()) {
      NDArray sum = runtime.manager().zeros(new Shape(width, width));
      opening.add(sum, sum::close);
      for (int i = 0; i < inputs.size(); i++) {
        NDArray input = inputs.get(i);
        if (weights.areEqual() && rounding.isEmpty()) {
          runtime.call("add_gram", sum, input).close();
          continue;
        }
        try (NDArray x = weights.scaled(this, i, input);
            NDArray rounded = rounding.map(how -> rounded(x, width, how)).orElse(x)) {
          runtime.call("add_gram", sum, rounded).close();
        }
      }
      opening.handOver();
      return runtime.matrix(sum, width, width);
    }
  }

  @Override
  public NDArray rowProducts(NDArray x) {
    try (NDArray transposed = x.transpose(0, 2, 1)) {
      return x.matMul(transposed);
    }
  }

  @Override
  public NDArray rounded(NDArray x, int width, InputRounding rounding) {
    return Int8Inputs.round(runtime, x, rounding.mode(), rounding.groupLimit());
  }

  @Override
  public NDArray copy(NDArray x) {
    return x.duplicate();
  }

  @Override
  public NDArray quotient(NDArray x, float[] divisors) {
    try (NDArray d = runtime.array(divisors)) {
      return runtime.call("divide", x, d);
    }
  }

  @Override
  public NDArray difference(NDArray x, NDArray y) {
    NDArray difference = x.sub(y);
    x.close();
    return difference;
  }

  @Override
  public NDArray scaled(NDArray x, float[] factors) {
    Shape shape = new Shape(x.getShape().get(0), x.getShape().get(1), 1);
    try (NDArray tokens = x.getManager().create(factors, shape)) {
      NDArray product = x.mul(tokens);
      x.close();
      return product;
    }
  }

  @Override
  public double[] norms(NDArray x) {
    int width = Math.toIntExact(x.getShape().get(2));
    try (Matrix rows = runtime.view(x, Math.toIntExact(x.size() / width), width)) {
      return RowNorms.of(rows);
    }
  }

  @Override
  public void addCross(Matrix sum, NDArray x, NDArray y) {
    runtime.addCross(sum, x, y);
  }

  @Override
  public Linears weights(
      List<LinearRole> roles, Map<LinearRole, Matrix> weights, Map<LinearRole, float[]> biases) {
    try (Owned opening = new Owned()) {
      Map<LinearRole, NDArray> parameters = new EnumMap<>(LinearRole.class);
      Map<LinearRole, NDArray> offsets = new EnumMap<>(LinearRole.class);
      for (LinearRole role : roles) {
        NDArray parameter = runtime.array(StageProducts.required(weights, role));
        parameters.put(role, opening.add(parameter, parameter::close));
        float[] bias = biases.get(role);
        if (bias != null) {
          NDArray offset = runtime.array(bias);
          offsets.put(role, opening.add(offset, offset::close));
        }
      }
      return new Products(runtime, parameters, offsets, opening.handOver());
    }
  }

  @Override
  public Linears modules(
      List<LinearRole> roles,
      Map<LinearRole, QuantizedLinear> modules,
      Map<LinearRole, float[]> biases,
      ActivationMode mode) {
    try (Owned opening = new Owned()) {
      Map<LinearRole, Matrix> weights = new EnumMap<>(LinearRole.class);
      for (LinearRole role : roles) {
        Matrix weight = Packing.dequantize(StageProducts.required(modules, role));
        weights.put(role, opening.add(weight, weight::close));
      }
      Linears linears = weights(roles, weights, biases);
      opening.add(linears, linears::close);
      return new Dequantized(linears, opening.handOver());
    }
  }

  /** Arrays of weights [N, K] and biases [N]. */
  private record Products(
      TorchRuntime runtime,
      Map<LinearRole, NDArray> weights,
      Map<LinearRole, NDArray> biases,
      Owned arrays)
      implements Linears {
    @Override
    public boolean roundTheirInput() {
      return false;
    }

    @Override
    public NDArray multiply(LinearRole role, NDArray x) {
      NDArray weight = StageProducts.required(weights, role);
      NDArray bias = biases.get(role);
      return bias == null
          ? runtime.call("linear", x, weight)
          : runtime.call("linear_bias", x, weight, bias);
    }

    @Override
    public void close() {
      arrays.close();
    }
  }

  /** Linears of dequantized weights, closed with them. */
  private record Dequantized(Linears linears, Owned memory) implements Linears {
    @Override
    public boolean roundTheirInput() {
      return linears.roundTheirInput();
    }

    @Override
    public NDArray multiply(LinearRole role, NDArray x) {
      return linears.multiply(role, x);
    }

    @Override
    public void close() {
      memory.close();
    }
  }
}
