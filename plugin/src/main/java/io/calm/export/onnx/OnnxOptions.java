package io.calm.export.onnx;

import io.calm.runtime.KvType;
import java.util.Optional;

/**
 * The form of an exported model.
 *
 * @param engine engine of DJL that is to load it
 * @param shape fixed sizes; empty for sizes that are chosen by each run
 * @param context number of positions of the rotary tables
 * @param keys type of the keys and values: float16, or empty for float32 without rounding
 */
public record OnnxOptions(
    OnnxEngine engine, Optional<FixedShape> shape, int context, Optional<KvType> keys) {

  public OnnxOptions {
    if (engine == OnnxEngine.TENSOR_RT && shape.isEmpty()) {
      throw new IllegalArgumentException("TensorRT needs a fixed shape");
    }
    if (context < shape.map(FixedShape::context).orElse(1)) {
      throw new IllegalArgumentException("context %d is too small".formatted(context));
    }
    if (keys.filter(type -> type != KvType.FLOAT16).isPresent()) {
      throw new IllegalArgumentException("keys and values are float16 or float32");
    }
  }

  /** Returns the element type of the KV cache. */
  OnnxType cacheType() {
    return keys.isPresent() ? OnnxType.FLOAT16 : OnnxType.FLOAT;
  }
}
