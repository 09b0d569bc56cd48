package io.calm.kernels;

import io.calm.tensor.Matrix;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The innermost loops of a search, in Java or in C.
 *
 * <p>Both implementations give the same bits, with every kernel variant, so a plan does not depend
 * on the machine that computed it. Only the payload of a NaN may differ. {@link
 * KernelVariants#searchKernels} chooses one. Immutable and thread safe; calls that write the same
 * rows must not overlap.
 */
public sealed interface SearchKernels permits JavaSearchKernels, NativeSearchKernels {

  /**
   * Fits the grids of the rows {@code from} (inclusive) to {@code to} (exclusive).
   *
   * @param weight [N, K]
   * @param importance [K], or null for 1
   * @param scales [N * J], J = ceil(K / group), written for these rows; 0 for a group without a
   *     grid
   * @param minimums [N * J], likewise
   */
  void fitGrids(
      Matrix weight,
      int from,
      int to,
      int group,
      float @Nullable [] importance,
      GroupGrid.Effort effort,
      float[] scales,
      float[] minimums);

  /** Writes the nearest codes of the rows {@code from} to {@code to} to {@code codes} [N * K]. */
  void encode(
      Matrix weight, int from, int to, int group, float[] scales, float[] minimums, byte[] codes);

  /**
   * Rounds the rows {@code from} to {@code to} to int8 and back, as a W4A8 linear reads them.
   *
   * @param group inputs that share a scale
   */
  void roundInputs(Matrix rows, int from, int to, int group);

  /**
   * Rounds a block of GPTQ's columns for the outputs {@code from} (inclusive) to {@code to}
   * (exclusive) and feeds each column's error into the columns after it in the block.
   *
   * @param columns [K, N] in the order of the walk, not changed
   * @param first the block's first column; its width is that of {@code groups}, at most 128
   * @param factor the block of U, row by row
   * @param scales [J, N]
   * @param minimums [J, N]
   * @param groups the group of each column
   * @param errors [width, N], written
   * @param codes [K * N] in the order of the walk, direct; the block's are written
   */
  void walkColumns(
      Matrix columns,
      int first,
      int from,
      int to,
      float[] factor,
      Matrix scales,
      Matrix minimums,
      int[] groups,
      Matrix errors,
      ByteBuffer codes);

  /**
   * Adds U'V to a tile.
   *
   * @param left U [depth, height]
   * @param right V [depth, width]
   * @param depth a multiple of 8
   * @param product [height, width]
   */
  void addTile(double[] left, double[] right, int height, int width, int depth, double[] product);

  /**
   * Computes the rows {@code fromRow} (inclusive) to {@code toRow} (exclusive) and the columns
   * {@code fromColumn} to {@code toColumn} of a product. {@link Products} runs whole ones.
   */
  void addProduct(Product product, int fromRow, int toRow, int fromColumn, int toColumn);

  /**
   * Adds a band of logits to the sums of {@link Divergence} for the rows {@code from} (inclusive)
   * to {@code to} (exclusive).
   *
   * @param reference [T, n]
   * @param candidate [T, n]
   * @param sums [T, {@link Divergence#SUMS}]
   */
  void addDivergence(Matrix reference, Matrix candidate, int from, int to, double[] sums);

  /**
   * Returns the operations of a W4A8 block with the bits of the native decoder, and of a
   * full-precision one; empty in Java, where the engine computes blocks in float32.
   */
  Optional<BlockKernels> block();
}
