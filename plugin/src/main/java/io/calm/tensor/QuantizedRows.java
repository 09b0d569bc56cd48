package io.calm.tensor;

/**
 * Scratch for int8 activations [T, K] in groups, as {@link ActivationQuantizer} writes and the
 * kernels read them: codes, one float32 scale and one exact sum of codes for each row and group.
 * Reused from step to step; rows may be written by different threads.
 */
public final class QuantizedRows {
  private final int inputs;
  private final int group;
  private final int padded;
  private final int groups;
  final int[] codes;
  final int[] pairs;
  final float[] scales;
  final int[] sums;

  private QuantizedRows(int rows, int inputs, int group) {
    this.inputs = inputs;
    this.group = group;
    this.padded = QuantizedLinear.paddedInputs(inputs, group);
    this.groups = padded / group;
    this.codes = new int[Math.multiplyExact(rows, padded)];
    this.pairs = new int[codes.length / 2];
    this.scales = new float[rows * groups];
    this.sums = new int[rows * groups];
  }

  /** Returns room for {@code rows} rows of {@code inputs}, all zero. */
  public static QuantizedRows allocate(int rows, int inputs, int group) {
    if (rows <= 0 || inputs <= 0 || group <= 0 || group % 32 != 0) {
      throw new IllegalArgumentException(
          "%d rows of %d inputs in groups of %d: expected positive sizes, groups of 32, 64 or 128"
              .formatted(rows, inputs, group));
    }
    return new QuantizedRows(rows, inputs, group);
  }

  /** Returns K, without padding. */
  public int inputs() {
    return inputs;
  }

  /** Returns the inputs of one group. */
  public int group() {
    return group;
  }

  /** Returns K padded to whole groups. */
  public int paddedInputs() {
    return padded;
  }

  /** Returns the groups of a row. */
  public int groups() {
    return groups;
  }

  /** Returns the code of one activation, -127..127. */
  int code(int row, int input) {
    return codes[row * padded + input];
  }

  /** Returns the scale of a row's group; the same for all groups in the mode per token. */
  public float scale(int row, int j) {
    return scales[row * groups + j];
  }

  /** Returns the sum of the codes of a row's group. */
  public int sum(int row, int j) {
    return sums[row * groups + j];
  }
}
