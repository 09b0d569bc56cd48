package io.calm.replay;

import ai.djl.ndarray.NDArray;
import io.calm.model.BlockParameters;
import io.calm.model.ModelSpec;

/** The operations of a block on the PyTorch engine, in float32. */
final class EngineOperations implements BlockOperations {
  private final TorchRuntime runtime;
  private final NDArray epsilon;
  private final Attention attention;

  EngineOperations(
      TorchRuntime runtime,
      ModelSpec spec,
      int layer,
      int length,
      BlockParameters<?> block,
      boolean quantized) {
    this.runtime = runtime;
    this.epsilon = runtime.manager().create(spec.rmsEpsilon());
    this.attention = new Attention(runtime, spec, layer, length, block, quantized, epsilon);
  }

  @Override
  public NDArray norm(NDArray x, float[] weight) {
    try (NDArray w = runtime.array(weight)) {
      return runtime.call("rms_norm", x, w, epsilon);
    }
  }

  @Override
  public NDArray attention(NDArray q, NDArray k, NDArray v) {
    return attention.run(q, k, v);
  }

  @Override
  public NDArray gate(NDArray gate, NDArray up) {
    return runtime.call("swiglu", gate, up);
  }

  @Override
  public NDArray add(NDArray x, NDArray y) {
    NDArray sum = runtime.call("add", x, y);
    x.close();
    return sum;
  }

  @Override
  public void close() {
    attention.close();
    epsilon.close();
  }
}
