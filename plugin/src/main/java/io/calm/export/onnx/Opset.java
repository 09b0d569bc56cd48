package io.calm.export.onnx;

/** The version of ONNX's operators that a graph is written in. */
enum Opset {
  /** The version of TensorRT 8.4, to which DJL's TensorRT engine is linked. */
  V13(13, 8),
  /** The first version with 4-bit integers. */
  V21(21, 10);

  private final int version;
  private final int irVersion;

  Opset(int version, int irVersion) {
    this.version = version;
    this.irVersion = irVersion;
  }

  int version() {
    return version;
  }

  /** Returns the version of the file format. */
  int irVersion() {
    return irVersion;
  }

  /** Returns whether there are 4-bit integers and {@code DequantizeLinear} by blocks. */
  boolean int4() {
    return this == V21;
  }

  /** Returns whether {@code ReduceMax} takes its axes as an input; before, as an attribute. */
  boolean axesAsInput() {
    return this == V21;
  }
}
