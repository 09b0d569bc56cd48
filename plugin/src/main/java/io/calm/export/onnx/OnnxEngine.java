package io.calm.export.onnx;

import java.util.Arrays;
import java.util.Optional;

/** An engine of DJL that loads ONNX models. */
public enum OnnxEngine {
  /** ONNX Runtime, which has 4-bit integers. */
  ONNX_RUNTIME("OnnxRuntime", Opset.V21),
  /** TensorRT 8.4, to which DJL links it; it has neither 4-bit integers nor float64. */
  TENSOR_RT("TensorRT", Opset.V13);

  private final String djlName;
  private final Opset opset;

  OnnxEngine(String djlName, Opset opset) {
    this.djlName = djlName;
    this.opset = opset;
  }

  /** Returns DJL's name, the value of {@code engine} in serving.properties. */
  public String djlName() {
    return djlName;
  }

  Opset opset() {
    return opset;
  }

  /** Returns the engine that {@code name} spells, in any case; empty if there is none. */
  public static Optional<OnnxEngine> parse(String name) {
    return Arrays.stream(values())
        .filter(engine -> engine.djlName.equalsIgnoreCase(name))
        .findFirst();
  }
}
