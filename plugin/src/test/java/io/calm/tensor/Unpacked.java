package io.calm.tensor;

/** Packed linears as plain arrays. */
public final class Unpacked {
  private Unpacked() {}

  /** Returns codes and grids without the padding. */
  public static QuantizedMatrix of(QuantizedLinear linear) {
    int n = linear.outputs();
    int k = linear.inputs();
    int groups = linear.groups();
    byte[] codes = new byte[n * k];
    float[] scales = new float[n * groups];
    float[] minimums = new float[n * groups];
    byte[] row = new byte[k];
    float[] rowScales = new float[groups];
    float[] rowMinimums = new float[groups];
    for (int output = 0; output < n; output++) {
      Packing.unpackRow(linear, output, row, rowScales, rowMinimums);
      System.arraycopy(row, 0, codes, output * k, k);
      System.arraycopy(rowScales, 0, scales, output * groups, groups);
      System.arraycopy(rowMinimums, 0, minimums, output * groups, groups);
    }
    return new QuantizedMatrix(n, k, linear.group(), codes, scales, minimums);
  }
}
