package io.calm.export.safetensors;

import java.nio.ByteBuffer;

/** The number format of dequantized weights. */
public enum WeightType {
  /** bfloat16, rounded half to even. */
  BF16(2, "bfloat16") {
    @Override
    void put(float value, ByteBuffer target) {
      int bits = Float.floatToIntBits(value);
      target.putShort((short) ((bits + 0x7fff + (bits >>> 16 & 1)) >>> 16));
    }
  },
  /** float32: exact. */
  F32(4, "float32") {
    @Override
    void put(float value, ByteBuffer target) {
      target.putFloat(value);
    }
  };

  private final int bytes;
  private final String torch;

  WeightType(int bytes, String torch) {
    this.bytes = bytes;
    this.torch = torch;
  }

  /** Returns the size of a number in bytes. */
  int bytes() {
    return bytes;
  }

  /** Returns PyTorch's name of the format. */
  String torch() {
    return torch;
  }

  /** Writes a finite number. */
  abstract void put(float value, ByteBuffer target);
}
