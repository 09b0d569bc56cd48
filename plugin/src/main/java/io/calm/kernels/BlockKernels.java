package io.calm.kernels;

import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * The operations of a W4A8 block over whole windows, computed by the kernels of the native decoder.
 *
 * <p>A search scores candidates with them, so its scores are those of the served model: each
 * operation has the bits of a decoder step, for every kernel variant. The full-precision block uses
 * the same ones, except that its attention keeps keys and values in float32. {@link
 * #columnStatistics} and {@link #addGram} have no counterpart in a step; they are here because
 * their operands already lie in the same memory. There is no version in Java: without the library
 * the engine computes blocks. Immutable and thread safe; calls that write the same rows must not
 * overlap.
 */
public final class BlockKernels {
  /** Columns that are summed at once in C. */
  private static final int LANES = 16;

  /** Columns of a panel in C. */
  private static final int GRAM_PANEL = 32;

  private final int variant;

  BlockKernels(KernelVariant variant) {
    this.variant = variant.index();
  }

  /**
   * Attention over whole windows that start at position 0, causal. With keys and values rounded to
   * float16, it has the bits of a served step.
   *
   * @param rotary float32 [length, 2, headDim / 2]: cosines, then sines; direct, as all buffers
   * @param qNorm [headDim], or null
   * @param kNorm [headDim], or null
   */
  public record Windows(
      int heads,
      int kvHeads,
      int headDim,
      int length,
      int slidingWindow,
      float epsilon,
      ByteBuffer rotary,
      @Nullable ByteBuffer qNorm,
      @Nullable ByteBuffer kNorm) {
    /** Query heads that may share a key-value head: CALM_MAX_QUERIES in C. */
    private static final int MAX_SHARED_HEADS = 128;

    public Windows {
      if (kvHeads < 1
          || heads < kvHeads
          || heads % kvHeads != 0
          || heads / kvHeads > MAX_SHARED_HEADS) {
        throw new IllegalArgumentException(
            "attention: expected 1 to %d query heads per key-value head, got %d for %d"
                .formatted(MAX_SHARED_HEADS, heads, kvHeads));
      }
    }
  }

  /**
   * Writes the attention of {@code count} windows to {@code y} as {@code q}, [count * length, heads
   * * headDim]; {@code k} and {@code v} are [count * length, kvHeads * headDim].
   *
   * @param full whether keys and values stay float32, as in the full-precision model, with sums in
   *     another order. If not, a window with a key or value that is not finite gives NaN.
   */
  public void attend(
      Windows windows,
      boolean full,
      int count,
      ByteBuffer q,
      ByteBuffer k,
      ByteBuffer v,
      ByteBuffer y,
      Parallel parallel) {
    int[] shape = {
      windows.heads,
      windows.kvHeads,
      windows.headDim,
      windows.length,
      windows.slidingWindow,
      full ? 1 : 0
    };
    parallel.ranges(
        count * windows.kvHeads,
        (from, to) ->
            attend(
                variant,
                shape,
                windows.epsilon,
                windows.rotary,
                windows.qNorm,
                windows.kNorm,
                q,
                k,
                v,
                from,
                to,
                y));
  }

  /** Writes {@code x / sqrt(mean(x^2) + epsilon) * weight} for rows [rows, width]. */
  public void norm(
      ByteBuffer x,
      ByteBuffer weight,
      float epsilon,
      int width,
      int rows,
      ByteBuffer y,
      Parallel parallel) {
    parallel.ranges(rows, (from, to) -> norm(variant, x, weight, epsilon, width, from, to, y));
  }

  /** Returns [3, K]: mean |x|, max |x| and mean x^2 of the columns of {@code x} [rows, K]. */
  public float[] columnStatistics(ByteBuffer x, int rows, int width, Parallel parallel) {
    float[] statistics = new float[3 * width];
    ByteBuffer target = NativeKernels.floats(statistics);
    parallel.ranges(
        (width + LANES - 1) / LANES,
        (from, to) ->
            columnStatistics(
                variant, x, rows, width, from * LANES, Math.min(width, to * LANES), target));
    target.asFloatBuffer().get(statistics);
    return statistics;
  }

  /** Writes SwiGLU of {@code count} elements: {@code gate / (1 + e^-gate) * up}. */
  public void gate(ByteBuffer gate, ByteBuffer up, int count, ByteBuffer y, Parallel parallel) {
    parallel.ranges(count, (from, to) -> gate(variant, gate, up, from, to, y));
  }

  /** Adds {@code count} elements to {@code target}. */
  public void add(ByteBuffer target, ByteBuffer addend, int count, Parallel parallel) {
    parallel.ranges(count, (from, to) -> add(variant, target, addend, from, to));
  }

  /**
   * Adds X'X to a symmetric matrix, in float32: a chunk of 128 rows is summed with fused products
   * in the order of the rows, then added.
   *
   * @param x [T, K]
   * @param gram [K, K]
   */
  public void addGram(Matrix x, Matrix gram, Parallel parallel) {
    int width = x.columns();
    if (gram.rows() != width || gram.columns() != width) {
      throw new IllegalArgumentException(
          "gram: expected [%d, %d] for inputs %s, got %s".formatted(width, width, x, gram));
    }
    parallel.ranges(
        (width + GRAM_PANEL - 1) / GRAM_PANEL,
        (from, to) -> addGram(variant, x.bytes(), x.rows(), width, from, to, gram.bytes()));
    mirror(gram.bytes(), width);
  }

  /**
   * Rounds the rows {@code from} to {@code to} of {@code x} and writes their products with a W4A8
   * weight to {@code y}, with the bits of a served linear. A row that is not finite gives NaN.
   *
   * @param bias [N], or empty
   * @param x float32 [T, K], direct
   * @param y float32 [T, N], direct
   */
  public void multiply(
      QuantizedLinear weight,
      float[] bias,
      boolean perToken,
      ByteBuffer x,
      int from,
      int to,
      ByteBuffer y) {
    multiply(
        variant,
        weight.outputs(),
        weight.inputs(),
        weight.group(),
        weight.codes(),
        weight.grids(),
        bias,
        perToken,
        x,
        from,
        to,
        y);
  }

  /** Returns the product of all rows of {@code x} [T, K], rounded, [T, N]. */
  public Matrix multiply(QuantizedLinear weight, boolean perToken, Matrix x, Parallel parallel) {
    Matrix y = Matrix.allocate(x.rows(), weight.outputs());
    parallel.ranges(
        x.rows(),
        (from, to) -> multiply(weight, new float[0], perToken, x.bytes(), from, to, y.bytes()));
    return y;
  }

  private static native void multiply(
      int variant,
      int outputs,
      int inputs,
      int group,
      ByteBuffer codes,
      ByteBuffer grids,
      float[] bias,
      boolean perToken,
      ByteBuffer x,
      int from,
      int to,
      ByteBuffer y);

  private static native void addGram(
      int variant, ByteBuffer x, int rows, int width, int from, int to, ByteBuffer gram);

  private static native void attend(
      int variant,
      int[] shape,
      float epsilon,
      ByteBuffer rotary,
      @Nullable ByteBuffer qNorm,
      @Nullable ByteBuffer kNorm,
      ByteBuffer q,
      ByteBuffer k,
      ByteBuffer v,
      int from,
      int to,
      ByteBuffer y);

  private static native void norm(
      int variant,
      ByteBuffer x,
      ByteBuffer weight,
      float epsilon,
      int width,
      int from,
      int to,
      ByteBuffer y);

  private static native void gate(
      int variant, ByteBuffer gate, ByteBuffer up, int from, int to, ByteBuffer y);

  private static native void add(
      int variant, ByteBuffer target, ByteBuffer addend, int from, int to);

  private static native void columnStatistics(
      int variant, ByteBuffer x, int rows, int width, int from, int to, ByteBuffer target);

  private static native void mirror(ByteBuffer matrix, int width);
}
