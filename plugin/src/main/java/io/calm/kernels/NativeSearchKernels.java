package io.calm.kernels;

import io.calm.tensor.Matrix;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The search kernels in C, of one kernel variant. */
public final class NativeSearchKernels implements SearchKernels {
  private final int variant;
  private final BlockKernels block;

  /** Takes the kernels of a variant that this processor runs. */
  public NativeSearchKernels(KernelVariant variant) {
    this.variant = variant.index();
    this.block = new BlockKernels(variant);
  }

  @Override
  public void fitGrids(
      Matrix weight,
      int from,
      int to,
      int group,
      float @Nullable [] importance,
      GroupGrid.Effort effort,
      float[] scales,
      float[] minimums) {
    fitGrids(
        variant,
        weight.bytes(),
        weight.columns(),
        from,
        to,
        group,
        importance,
        GroupGrid.starts(effort),
        GroupGrid.rounds(effort),
        scales,
        minimums);
  }

  @Override
  public void encode(
      Matrix weight, int from, int to, int group, float[] scales, float[] minimums, byte[] codes) {
    encode(variant, weight.bytes(), weight.columns(), from, to, group, scales, minimums, codes);
  }

  @Override
  public void roundInputs(Matrix rows, int from, int to, int group) {
    roundInputs(variant, rows.bytes(), rows.columns(), from, to, group);
  }

  @Override
  public void walkColumns(
      Matrix columns,
      int first,
      int from,
      int to,
      float[] factor,
      Matrix scales,
      Matrix minimums,
      int[] groups,
      Matrix errors,
      ByteBuffer codes) {
    walkColumns(
        variant,
        columns.bytes(),
        columns.columns(),
        first,
        groups.length,
        from,
        to,
        factor,
        scales.bytes(),
        minimums.bytes(),
        groups,
        errors.bytes(),
        codes);
  }

  @Override
  public void addTile(
      double[] left, double[] right, int height, int width, int depth, double[] product) {
    addTile(variant, left, right, height, width, depth, product);
  }

  @Override
  public void addProduct(Product product, int fromRow, int toRow, int fromColumn, int toColumn) {
    MatrixView a = product.a();
    MatrixView b = product.b();
    MatrixView c = product.c();
    int[] shape = {
      a.offset(),
      a.rowStep(),
      a.columnStep(),
      b.offset(),
      b.rowStep(),
      b.columnStep(),
      c.offset(),
      c.rowStep(),
      a.columns(),
      product.fresh() ? 1 : 0,
      fromRow,
      toRow,
      fromColumn,
      toColumn
    };
    addProduct(variant, a.memory(), b.memory(), c.memory(), product.alpha(), shape);
  }

  @Override
  public void addDivergence(Matrix reference, Matrix candidate, int from, int to, double[] sums) {
    addDivergence(
        variant, reference.bytes(), candidate.bytes(), reference.columns(), from, to, sums);
  }

  @Override
  public Optional<BlockKernels> block() {
    return Optional.of(block);
  }

  private static native void fitGrids(
      int variant,
      ByteBuffer weight,
      int inputs,
      int from,
      int to,
      int group,
      float @Nullable [] importance,
      float[] starts,
      int rounds,
      float[] scales,
      float[] minimums);

  private static native void encode(
      int variant,
      ByteBuffer weight,
      int inputs,
      int from,
      int to,
      int group,
      float[] scales,
      float[] minimums,
      byte[] codes);

  private static native void roundInputs(
      int variant, ByteBuffer rows, int inputs, int from, int to, int group);

  private static native void walkColumns(
      int variant,
      ByteBuffer columns,
      int outputs,
      int first,
      int count,
      int from,
      int to,
      float[] factor,
      ByteBuffer scales,
      ByteBuffer minimums,
      int[] groups,
      ByteBuffer errors,
      ByteBuffer codes);

  private static native void addTile(
      int variant,
      double[] left,
      double[] right,
      int height,
      int width,
      int depth,
      double[] product);

  private static native void addProduct(
      int variant, ByteBuffer a, ByteBuffer b, ByteBuffer c, float alpha, int[] shape);

  private static native void addDivergence(
      int variant,
      ByteBuffer reference,
      ByteBuffer candidate,
      int width,
      int from,
      int to,
      double[] sums);
}
