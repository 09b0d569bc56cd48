package io.calm.tensor;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * The weight of one W4A8 linear, W[N, K] = s[n, j] * q[n, k] + m[n, j] with j = k / group: 4-bit
 * codes and float16 grids in the packed layout that the artifact stores and every kernel reads in
 * place.
 *
 * <p>Codes: outputs are padded to Np, a multiple of 16, inputs to Kp, a multiple of the group. The
 * buffer is little-endian 32-bit words [Np/16][Kp/8][16]: the word of lane i in tile t and step p
 * belongs to output n = 16t + i and inputs k = 8p .. 8p+7; byte b (0..3) of the word holds input 8p
 * + b in its low nibble and input 8p + 4 + b in its high nibble. Grids: float16
 * [Np/16][Kp/group][2][16], the 16 scales of a tile and group, then its 16 minimums. Padded outputs
 * and inputs have code 0; padded outputs have scale 0 and minimum 0; padded inputs meet activations
 * of 0.
 *
 * <p>Immutable; safe for any number of threads.
 *
 * @param outputs N
 * @param inputs K
 * @param group inputs that share a scale; one of 32, 64, 128
 * @param codes Np * Kp / 2 bytes, direct or mapped
 * @param grids Np * (Kp / group) * 4 bytes, direct or mapped
 */
public record QuantizedLinear(
    int outputs, int inputs, int group, ByteBuffer codes, ByteBuffer grids) {

  /** Outputs of one tile. */
  public static final int TILE = 16;

  public QuantizedLinear {
    if (outputs <= 0 || inputs <= 0) {
      throw new IllegalArgumentException("shape [%d, %d] is empty".formatted(outputs, inputs));
    }
    requireGroup(group);
    codes = direct("codes", codes, codeBytes(outputs, inputs, group));
    grids = direct("grids", grids, gridBytes(outputs, inputs, group));
  }

  /** Refuses a group size that the kernels have no code for. */
  static void requireGroup(int group) {
    if (group != 32 && group != 64 && group != 128) {
      throw new IllegalArgumentException("group %d is not 32, 64 or 128".formatted(group));
    }
  }

  /**
   * Returns a little-endian view of the rest of a buffer.
   *
   * @throws IllegalArgumentException if it has another size, or no address for the native kernels
   */
  static ByteBuffer direct(String name, ByteBuffer buffer, long expected) {
    if (buffer.remaining() != expected) {
      throw new IllegalArgumentException(
          "%s: expected %d bytes, got %d".formatted(name, expected, buffer.remaining()));
    }
    if (!buffer.isDirect()) {
      throw new IllegalArgumentException(
          "%s: expected a direct or mapped buffer, got one on the heap".formatted(name));
    }
    return buffer.slice().asReadOnlyBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Returns the group that a linear with {@code inputs} inputs has under {@code calm.group}. */
  public static int groupFor(int inputs, int limit) {
    for (int group = 128; group >= 32; group /= 2) {
      if (group <= limit && inputs % group == 0) {
        return group;
      }
    }
    return 32;
  }

  /** Returns Np, the outputs padded to whole tiles. */
  public static int paddedOutputs(int outputs) {
    return (outputs + TILE - 1) / TILE * TILE;
  }

  /** Returns Kp, the inputs padded to whole groups. */
  public static int paddedInputs(int inputs, int group) {
    return (inputs + group - 1) / group * group;
  }

  /** Returns the size of {@link #codes} in bytes. */
  public static long codeBytes(int outputs, int inputs, int group) {
    return (long) paddedOutputs(outputs) * paddedInputs(inputs, group) / 2;
  }

  /** Returns the size of {@link #grids} in bytes. */
  public static long gridBytes(int outputs, int inputs, int group) {
    return (long) paddedOutputs(outputs) * (paddedInputs(inputs, group) / group) * 4;
  }

  /** Returns the number of groups along the inputs. */
  public int groups() {
    return paddedInputs(inputs, group) / group;
  }

  /** Returns a duplicate of the code words, little-endian. */
  @Override
  public ByteBuffer codes() {
    return codes.duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Returns a duplicate of the grids, little-endian. */
  @Override
  public ByteBuffer grids() {
    return grids.duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }
}
