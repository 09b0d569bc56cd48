package io.calm.replay;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.calm.model.ActivationMode;
import io.calm.tensor.QuantizedLinear;

/** Rounds inputs of W4A8 linears to int8 and back. */
final class Int8Inputs {
  private Int8Inputs() {}

  /**
   * Returns {@code x} [.., K] rounded.
   *
   * @param groupLimit maximum number of inputs along K that share a scale
   */
  static NDArray round(TorchRuntime runtime, NDArray x, ActivationMode mode, int groupLimit) {
    if (mode == ActivationMode.PER_TOKEN) {
      return runtime.call("round_int8_token", x);
    }
    int width = Math.toIntExact(x.getShape().get(x.getShape().dimension() - 1));
    int group = QuantizedLinear.groupFor(width, groupLimit);
    NDManager manager = runtime.manager();
    try (NDArray shape = manager.zeros(new Shape(group))) {
      return runtime.call("round_int8", x, shape);
    }
  }
}
