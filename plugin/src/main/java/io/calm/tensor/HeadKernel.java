package io.calm.tensor;

import java.util.Arrays;
import java.util.Objects;

/**
 * The portable lm_head: logits[T, V] of hidden rows [T, D] and a {@link TokenTable}, computed in
 * chunks of tokens. A logit's bits depend neither on the chunks nor on the other rows.
 *
 * <ul>
 *   <li>int8: {@code acc = fma(sx[t, j], D[v, j], acc)} over groups j ascending, D exact, then
 *       {@code acc * scale[v]}
 *   <li>int4: {@link LinearKernel}
 *   <li>float16, float32: {@code acc = fma(x[t, k], w[v, k], acc)} over k ascending
 * </ul>
 *
 * <p>Holds the rows between {@link #read} and {@link #multiply}, so it serves one step at a time;
 * the chunks of a step may run on many threads.
 */
public abstract sealed class HeadKernel permits Int8Head, Int4Head, FloatHead {
  private final TokenTable table;

  HeadKernel(TokenTable table) {
    this.table = table;
  }

  /**
   * Returns the kernel of {@code table}.
   *
   * @param quantizer rounds the hidden rows for the int8 and int4 tables
   * @param maxRows maximum number of rows per call
   */
  public static HeadKernel of(TokenTable table, ActivationQuantizer quantizer, int maxRows) {
    if (table instanceof TokenTable.Int8Table int8) {
      return new Int8Head(int8, quantizer, maxRows);
    }
    if (table instanceof TokenTable.Int4 int4) {
      return new Int4Head(int4, quantizer, maxRows);
    }
    return new FloatHead(table, maxRows);
  }

  /** Returns the number of tiles of 16 tokens. */
  public final int tiles() {
    return QuantizedLinear.paddedOutputs(table.tokens()) / QuantizedLinear.TILE;
  }

  /**
   * Takes row {@code row} of the hidden states, {@code x[offset .. offset + D)}.
   *
   * @return false if a value is NaN or infinite
   */
  public abstract boolean read(float[] x, int offset, int row);

  /**
   * Writes the logits of tiles {@code from} (inclusive) to {@code to} (exclusive) of the first
   * {@code logits.length} rows, each [V].
   */
  public final void multiply(int from, int to, float[][] logits, KernelScratch scratch) {
    Objects.checkFromToIndex(from, to, tiles());
    int tile = QuantizedLinear.TILE;
    int lanes = (to - from) * tile;
    for (int row = 0; row < logits.length; row++) {
      Arrays.fill(scratch.sums[row], 0, lanes, 0f);
    }
    addProducts(logits.length, from, to, scratch);
    int length = Math.min(lanes, table.tokens() - from * tile);
    for (int row = 0; row < logits.length; row++) {
      System.arraycopy(scratch.sums[row], 0, logits[row], from * tile, length);
    }
  }

  /** Adds the logits of these tiles to {@link KernelScratch#sums}, which are zero. */
  abstract void addProducts(int rows, int from, int to, KernelScratch scratch);
}
