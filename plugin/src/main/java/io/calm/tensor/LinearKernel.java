package io.calm.tensor;

import java.nio.ShortBuffer;
import java.util.Arrays;
import java.util.Objects;

/**
 * The portable W4A8 product, {@code y[T, N] = x[T, K] W[N, K]'}, computed in chunks of outputs.
 *
 * <p>For each row t and output n, over groups j ascending and starting from 0: {@code acc =
 * fma(sx[t, j], fma(s[n, j], D, m[n, j] * S[t, j]), acc)} in float32, where D = sum_k q * xq and S
 * = sum_k xq are exact integers. The bits of y therefore depend neither on the chunks nor on the
 * other rows.
 *
 * <p>Code words are read in place and copied chunk by chunk into {@link KernelScratch}; with
 * several rows they are unpacked there once. Immutable; each thread passes its own scratch.
 */
public final class LinearKernel {
  private static final int TILE = QuantizedLinear.TILE;

  private final QuantizedLinear weight;
  private final PackedWords words;
  private final ShortBuffer grids;

  private final float[] bias;

  private LinearKernel(QuantizedLinear weight, float[] bias) {
    this.weight = weight;
    this.bias = bias;
    this.words = PackedWords.int4(weight.codes().asIntBuffer(), weight.groups(), weight.group());
    this.grids = weight.grids().asShortBuffer();
  }

  /** Returns the kernel of {@code weight}. */
  public static LinearKernel of(QuantizedLinear weight) {
    return new LinearKernel(weight, new float[0]);
  }

  /** Returns the kernel of {@code weight} that adds {@code bias} [N] at the end. */
  public static LinearKernel of(QuantizedLinear weight, float[] bias) {
    if (bias.length != weight.outputs()) {
      throw new IllegalArgumentException(
          "bias: expected %d elements, got %d".formatted(weight.outputs(), bias.length));
    }
    return new LinearKernel(weight, bias.clone());
  }

  /** Returns the number of tiles of 16 outputs. */
  public int tiles() {
    return QuantizedLinear.paddedOutputs(weight.outputs()) / TILE;
  }

  /**
   * Writes the outputs of tiles {@code from} (inclusive) to {@code to} (exclusive) of the first
   * {@code rows} rows; row t of {@code y} starts at t * N.
   *
   * @param x activations [T, K] in the weight's groups
   * @param y [T * N]; only the elements of these outputs are written
   */
  public void multiply(
      QuantizedRows x, int rows, int from, int to, float[] y, KernelScratch scratch) {
    if (x.inputs() != weight.inputs() || x.group() != weight.group()) {
      throw new IllegalArgumentException(
          "activations: expected %d inputs in groups of %d, got %d in groups of %d"
              .formatted(weight.inputs(), weight.group(), x.inputs(), x.group()));
    }
    Objects.checkFromToIndex(from, to, tiles());
    int lanes = (to - from) * TILE;
    for (int row = 0; row < rows; row++) {
      Arrays.fill(scratch.sums[row], 0, lanes, 0f);
    }
    addProducts(x, rows, from, to, scratch);
    int outputs = weight.outputs();
    int first = from * TILE;
    int length = Math.min(lanes, outputs - first);
    for (int row = 0; row < rows; row++) {
      System.arraycopy(scratch.sums[row], 0, y, row * outputs + first, length);
      for (int n = first; bias.length > 0 && n < first + length; n++) {
        y[row * outputs + n] += bias[n];
      }
    }
  }

  /** Adds the outputs of these tiles to {@link KernelScratch#sums}. */
  void addProducts(QuantizedRows x, int rows, int from, int to, KernelScratch scratch) {
    int lanes = (to - from) * TILE;
    boolean many = rows > 1;
    for (int j = 0; j < weight.groups(); j++) {
      readGrids(from, to, j, scratch);
      words.read(from, to, j, many, scratch);
      for (int row = 0; row < rows; row++) {
        words.multiply(x.pairs, row, j, lanes, many, scratch);
        LaneLoops.toFloat(scratch.dots, scratch.products, lanes);
        LaneLoops.addGroup(
            scratch.products,
            scratch.scales,
            scratch.minimums,
            scratch.sums[row],
            lanes,
            x.scale(row, j),
            x.sum(row, j));
      }
    }
  }

  private void readGrids(int from, int to, int j, KernelScratch scratch) {
    short[] halves = scratch.halves;
    for (int tile = from; tile < to; tile++) {
      grids.get((tile * weight.groups() + j) * 2 * TILE, halves, 0, 2 * TILE);
      int lane = (tile - from) * TILE;
      Float16.widen(halves, 0, scratch.scales, lane, TILE);
      Float16.widen(halves, TILE, scratch.minimums, lane, TILE);
    }
  }
}
