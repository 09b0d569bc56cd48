package io.calm.kernels;

import io.calm.kernels.NativeKernels.Ladder;
import io.calm.kernels.NativeKernels.Rung;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The innermost loops of a search in C. Each has the bits of the loop in Java that it stands for,
 * with every kernel variant, so a plan does not depend on the machine that computed it. Immutable
 * and thread safe; calls that write rows need these rows to themselves.
 */
public final class SearchKernels {
  /** Columns that are summed at once in C. */
  private static final int LANES = 16;

  /** Columns of a panel in C. */
  private static final int GRAM_PANEL = 32;

  private final int rung;

  private SearchKernels(int rung) {
    this.rung = rung;
  }

  /** Returns the kernels of a rung that this processor runs. */
  public static SearchKernels of(Rung rung) {
    return new SearchKernels(rung.index());
  }

  /** Returns the best ones of this machine; empty: there are none, the loops in Java serve. */
  public static Optional<SearchKernels> best() {
    return Best.KERNELS;
  }

  private static final class Best {
    static final Optional<SearchKernels> KERNELS = find(NativeKernels.ladder());

    /** The portable rung is left out: its products are slower than those of the engine. */
    private static Optional<SearchKernels> find(Ladder ladder) {
      return ladder.rungs().stream()
          .skip(1)
          .filter(rung -> rung.missing().isEmpty())
          .reduce((worse, better) -> better)
          .map(SearchKernels::of);
    }
  }

  /**
   * Fits the grids of the rows {@code from} (inclusive) to {@code to} (exclusive).
   *
   * @param weight [N, K]
   * @param importance [K], or null for 1
   * @param starts fractions of a group's range
   * @param rounds most rounds from each start
   * @param scales [N * J], J = ceil(K / group), written for these rows: 0 where there is no grid
   * @param minimums [N * J], likewise
   */
  public void fitGrids(
      Matrix weight,
      int from,
      int to,
      int group,
      float @Nullable [] importance,
      float[] starts,
      int rounds,
      float[] scales,
      float[] minimums) {
    fitGrids(
        rung,
        weight.bytes(),
        weight.columns(),
        from,
        to,
        group,
        importance,
        starts,
        rounds,
        scales,
        minimums);
  }

  /** Writes the nearest codes of the rows {@code from} to {@code to} to {@code codes} [N * K]. */
  public void encode(
      Matrix weight, int from, int to, int group, float[] scales, float[] minimums, byte[] codes) {
    roundWeights(rung, weight.bytes(), weight.columns(), from, to, group, scales, minimums, codes);
  }

  /** Replaces the rows {@code from} to {@code to} by what their nearest codes stand for. */
  public void roundWeights(
      Matrix weight, int from, int to, int group, float[] scales, float[] minimums) {
    roundWeights(rung, weight.bytes(), weight.columns(), from, to, group, scales, minimums, null);
  }

  /**
   * Rounds the rows {@code from} to {@code to} to int8 and back.
   *
   * @param group inputs that share a scale
   */
  public void roundInputs(Matrix rows, int from, int to, int group) {
    roundInputs(rung, rows.bytes(), rows.columns(), from, to, group);
  }

  /**
   * Rounds a block of GPTQ's columns for the outputs {@code from} (inclusive) to {@code to}
   * (exclusive), each column's error fed into those behind it in the block.
   *
   * @param columns [K, N] in the order of the walk
   * @param first the block's first column; its width is that of {@code groups}, at most 128
   * @param factor the block of U, row by row
   * @param scales [J, N]
   * @param minimums [J, N]
   * @param groups the group of each column
   * @param errors [width, N], written
   * @param codes [K * N] in the order of the walk, direct; the block's are written
   */
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
        rung,
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

  /**
   * Attention over whole windows that start at position 0, causal, keys and values rounded to
   * float16: the bits of a served step.
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
   * * headDim]; {@code k} and {@code v} are [count * length, kvHeads * headDim]. A window with a
   * key or value that is not finite gives NaN.
   */
  public void attend(
      Windows windows,
      int count,
      ByteBuffer q,
      ByteBuffer k,
      ByteBuffer v,
      ByteBuffer y,
      Parallel parallel) {
    int[] shape = {
      windows.heads, windows.kvHeads, windows.headDim, windows.length, windows.slidingWindow
    };
    parallel.ranges(
        count * windows.kvHeads,
        (from, to) ->
            attend(
                rung,
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
    parallel.ranges(rows, (from, to) -> norm(rung, x, weight, epsilon, width, from, to, y));
  }

  /** Returns [3, K]: mean |x|, max |x| and mean x^2 of the columns of {@code x} [rows, K]. */
  public float[] columnStatistics(ByteBuffer x, int rows, int width, Parallel parallel) {
    float[] statistics = new float[3 * width];
    ByteBuffer target = NativeKernels.floats(statistics);
    parallel.ranges(
        (width + LANES - 1) / LANES,
        (from, to) ->
            columnStatistics(
                rung, x, rows, width, from * LANES, Math.min(width, to * LANES), target));
    target.asFloatBuffer().get(statistics);
    return statistics;
  }

  /** Writes SwiGLU of {@code count} elements: {@code gate / (1 + e^-gate) * up}. */
  public void gate(ByteBuffer gate, ByteBuffer up, int count, ByteBuffer y, Parallel parallel) {
    parallel.ranges(count, (from, to) -> gate(rung, gate, up, from, to, y));
  }

  /** Adds {@code count} elements to {@code target}. */
  public void add(ByteBuffer target, ByteBuffer addend, int count, Parallel parallel) {
    parallel.ranges(count, (from, to) -> add(rung, target, addend, from, to));
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
        (from, to) -> addGram(rung, x.bytes(), x.rows(), width, from, to, gram.bytes()));
    mirror(gram.bytes(), width);
  }

  /**
   * Adds U'V to a tile.
   *
   * @param left U [depth, height]
   * @param right V [depth, width]
   * @param depth a multiple of 8
   * @param product [height, width]
   */
  public void addTile(
      double[] left, double[] right, int height, int width, int depth, double[] product) {
    addTile(rung, left, right, height, width, depth, product);
  }

  /**
   * Rounds the rows {@code from} to {@code to} of {@code x} and writes their products with a W4A8
   * weight to {@code y}: the bits that a served linear gives. A row that is not finite gives NaN.
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
        rung,
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
      int rung,
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

  private static native void fitGrids(
      int rung,
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

  private static native void roundWeights(
      int rung,
      ByteBuffer weight,
      int inputs,
      int from,
      int to,
      int group,
      float[] scales,
      float[] minimums,
      byte @Nullable [] codes);

  private static native void roundInputs(
      int rung, ByteBuffer rows, int inputs, int from, int to, int group);

  private static native void walkColumns(
      int rung,
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

  private static native void addGram(
      int rung, ByteBuffer x, int rows, int width, int from, int to, ByteBuffer gram);

  private static native void attend(
      int rung,
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
      int rung,
      ByteBuffer x,
      ByteBuffer weight,
      float epsilon,
      int width,
      int from,
      int to,
      ByteBuffer y);

  private static native void gate(
      int rung, ByteBuffer gate, ByteBuffer up, int from, int to, ByteBuffer y);

  private static native void add(int rung, ByteBuffer target, ByteBuffer addend, int from, int to);

  private static native void columnStatistics(
      int rung, ByteBuffer x, int rows, int width, int from, int to, ByteBuffer target);

  private static native void mirror(ByteBuffer matrix, int width);

  private static native void addTile(
      int rung, double[] left, double[] right, int height, int width, int depth, double[] product);
}
