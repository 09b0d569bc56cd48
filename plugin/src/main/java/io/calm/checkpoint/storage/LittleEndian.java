package io.calm.checkpoint.storage;

import io.calm.tensor.Float16;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Reads little-endian numbers from byte arrays. */
final class LittleEndian {
  private static final VarHandle SHORT =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private LittleEndian() {}

  static short int16(byte[] source, int at) {
    return (short) SHORT.get(source, at);
  }

  static int int32(byte[] source, int at) {
    return (int) INT.get(source, at);
  }

  static long int64(byte[] source, int at) {
    return (long) LONG.get(source, at);
  }

  static float float32(byte[] source, int at) {
    return Float.intBitsToFloat(int32(source, at));
  }

  /** Returns the IEEE half at {@code at}; the conversion is exact. */
  static float float16(byte[] source, int at) {
    return Float16.toFloat(int16(source, at));
  }

  /** Returns the bfloat16 at {@code at}; the conversion is exact. */
  static float bfloat16(byte[] source, int at) {
    return Float.intBitsToFloat(int16(source, at) << 16);
  }
}
