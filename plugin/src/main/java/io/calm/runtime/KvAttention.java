package io.calm.runtime;

import io.calm.model.ModelSpec;
import io.calm.tensor.Exponential;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Causal attention of a pass's rows over KV blocks, with grouped query heads and an optional
 * sliding window.
 *
 * <p>Positions are divided into splits of {@value #SPLIT} with fixed boundaries. Each row, head and
 * split is computed in float32:
 *
 * <ul>
 *   <li>score = (sum over d, ascending, fused multiply-add, of q k) / sqrt(headDim)
 *   <li>weight = e^(score - the split's maximum score)
 *   <li>sum of weights: position p goes to lane p mod {@value #LANES}; the lanes are added in
 *       halves
 *   <li>output = sum over positions, ascending, fused multiply-add, of weight * v
 * </ul>
 *
 * <p>Splits are merged in ascending order as in FlashAttention (arXiv 2205.14135). The order of
 * operations is fixed, so the result is bit-identical for every choice of KV blocks, batch and
 * threads.
 *
 * <p>Consecutive rows of one sequence are computed in tiles of {@value #TILE_ROWS}, so each KV
 * block is read once per tile.
 */
final class KvAttention {
  /** Number of positions in a split. */
  static final int SPLIT = 4 * Decoder.BLOCK_TOKENS;

  private static final int TILE_ROWS = 16;
  private static final int LANES = 16;

  private final FloatKvLayout layout;
  private final Workers workers;
  private final int heads;
  private final int kvHeads;
  private final int headDim;
  private final int shared;
  private final float scale;
  private final Scratch[] scratch;

  /** Rows {@code first} (inclusive) to {@code end} (exclusive) of one sequence. */
  private record RowTile(int first, int end) {}

  KvAttention(ModelSpec spec, FloatKvLayout layout, Workers workers) {
    this.layout = layout;
    this.workers = workers;
    this.heads = spec.heads();
    this.kvHeads = spec.kvHeads();
    this.headDim = spec.headDim();
    this.shared = heads / kvHeads;
    this.scale = (float) (1 / Math.sqrt(headDim));
    this.scratch = new Scratch[workers.pool().threads()];
    for (int i = 0; i < scratch.length; i++) {
      scratch[i] = new Scratch(headDim);
    }
  }

  /**
   * Computes the outputs of all heads.
   *
   * @param window size of the sliding window in tokens; 0 for all positions
   * @param queries [T, heads * headDim], rotated
   * @param target [T, heads * headDim]
   */
  void run(int layer, int window, List<StepRow> rows, float[] queries, float[] target) {
    List<RowTile> tiles = tiles(rows);
    workers
        .pool()
        .run(
            tiles.size() * kvHeads,
            (item, worker) -> {
              RowTile tile = tiles.get(item / kvHeads);
              attend(layer, item % kvHeads, window, rows, tile, queries, target, scratch[worker]);
            });
  }

  private List<RowTile> tiles(List<StepRow> rows) {
    List<RowTile> tiles = new ArrayList<>();
    int first = 0;
    while (first < rows.size()) {
      int chunk = rows.get(first).chunk();
      int end = first + 1;
      while (end < rows.size() && end - first < TILE_ROWS && rows.get(end).chunk() == chunk) {
        end++;
      }
      tiles.add(new RowTile(first, end));
      first = end;
    }
    return tiles;
  }

  private static int start(int position, int window) {
    return window == 0 ? 0 : Math.max(0, position - window + 1);
  }

  private void attend(
      int layer,
      int kvHead,
      int window,
      List<StepRow> rows,
      RowTile tile,
      float[] queries,
      float[] target,
      Scratch s) {
    StepRow sequence = rows.get(tile.first());
    int firstPosition = rows.get(tile.first()).position();
    int lastPosition = firstPosition + tile.end() - tile.first() - 1;
    int count = (tile.end() - tile.first()) * shared;
    s.prepare(count);
    int base = start(firstPosition, window) / SPLIT * SPLIT;
    for (; base <= lastPosition; base += SPLIT) {
      int length =
          Math.min(
              SPLIT,
              (lastPosition - base) / Decoder.BLOCK_TOKENS * Decoder.BLOCK_TOKENS
                  + Decoder.BLOCK_TOKENS);
      readKeys(sequence, layer, kvHead, base, length, s);
      for (int i = 0; i < count; i++) {
        int query = ((tile.first() + i / shared) * heads + kvHead * shared + i % shared) * headDim;
        int position = firstPosition + i / shared;
        score(queries, query, start(position, window) - base, position + 1 - base, length, i, s);
      }
      addValues(sequence, layer, kvHead, base, length, count, s);
      for (int i = 0; i < count; i++) {
        s.merge(i);
      }
    }
    for (int i = 0; i < count; i++) {
      int at = ((tile.first() + i / shared) * heads + kvHead * shared + i % shared) * headDim;
      for (int d = 0; d < headDim; d++) {
        target[at + d] = s.outputs[i][d] / s.sums[i];
      }
    }
  }

  /**
   * Computes the weights of query {@code i}, their maximum score and their sum into the scratch.
   */
  private void score(float[] queries, int query, int from, int end, int length, int i, Scratch s) {
    float[] scores = s.scores[i];
    int first = Math.max(from, 0);
    int last = Math.min(end, length);
    if (first >= last) {
      Arrays.fill(scores, 0, length, 0f);
      s.splitSums[i] = 0;
      return;
    }
    System.arraycopy(queries, query, s.query, 0, headDim);
    Arrays.fill(scores, 0, length, 0f);
    VectorLoops.addWeighted(s.keys, 0, headDim, s.query, 0, scores, length);
    Arrays.fill(scores, 0, first, Float.NEGATIVE_INFINITY);
    Arrays.fill(scores, last, length, Float.NEGATIVE_INFINITY);
    float max = Float.NEGATIVE_INFINITY;
    for (int p = 0; p < length; p++) {
      scores[p] *= scale;
      max = Math.max(max, scores[p]);
    }
    s.splitMaxima[i] = max;
    s.splitSums[i] = weigh(scores, length, max);
  }

  /** Replaces scores by e^(score - max) and returns their sum, position p in lane p mod 16. */
  private static float weigh(float[] scores, int length, float max) {
    float[] lanes = new float[LANES];
    for (int p = 0; p < length; p++) {
      scores[p] = Exponential.exp(scores[p] - max);
      lanes[p % LANES] += scores[p];
    }
    for (int half = LANES / 2; half > 0; half /= 2) {
      for (int lane = 0; lane < half; lane++) {
        lanes[lane] += lanes[lane + half];
      }
    }
    return lanes[0];
  }

  private void addValues(
      StepRow sequence, int layer, int kvHead, int base, int length, int count, Scratch s) {
    for (int i = 0; i < count; i++) {
      Arrays.fill(s.splitOutputs[i], 0f);
    }
    for (int offset = 0; offset < length; offset += Decoder.BLOCK_TOKENS) {
      readValues(sequence, layer, kvHead, base + offset, s);
      for (int i = 0; i < count; i++) {
        VectorLoops.addWeighted(
            s.values, 0, Decoder.BLOCK_TOKENS, s.scores[i], offset, s.splitOutputs[i], headDim);
      }
    }
  }

  private void readKeys(StepRow sequence, int layer, int head, int base, int length, Scratch s) {
    int from = layout.keys(layer, head);
    for (int offset = 0; offset < length; offset += Decoder.BLOCK_TOKENS) {
      FloatBuffer memory = sequence.kvBlock(base + offset).floats();
      for (int d = 0; d < headDim; d++) {
        memory.get(from + d * Decoder.BLOCK_TOKENS, s.keys[d], offset, Decoder.BLOCK_TOKENS);
      }
    }
  }

  private void readValues(StepRow sequence, int layer, int head, int position, Scratch s) {
    FloatBuffer memory = sequence.kvBlock(position).floats();
    int from = layout.values(layer, head);
    for (int p = 0; p < Decoder.BLOCK_TOKENS; p++) {
      memory.get(from + p * headDim, s.values[p], 0, headDim);
    }
  }

  /** Working memory of one worker. */
  private static final class Scratch {
    final float[][] keys;
    final float[][] values;
    final float[] query;
    float[][] scores = new float[0][];
    float[][] outputs = new float[0][];
    float[][] splitOutputs = new float[0][];
    float[] maxima = new float[0];
    float[] sums = new float[0];
    float[] splitMaxima = new float[0];
    float[] splitSums = new float[0];

    Scratch(int headDim) {
      keys = new float[headDim][SPLIT];
      values = new float[Decoder.BLOCK_TOKENS][headDim];
      query = new float[headDim];
    }

    /** Grows to {@code count} queries and clears their running results. */
    void prepare(int count) {
      if (sums.length < count) {
        scores = new float[count][SPLIT];
        outputs = new float[count][query.length];
        splitOutputs = new float[count][query.length];
        maxima = new float[count];
        sums = new float[count];
        splitMaxima = new float[count];
        splitSums = new float[count];
      }
      for (int i = 0; i < count; i++) {
        maxima[i] = Float.NEGATIVE_INFINITY;
        sums[i] = 0;
        Arrays.fill(outputs[i], 0f);
      }
    }

    /** Merges the split of query {@code i} into its running result. */
    void merge(int i) {
      if (splitSums[i] == 0) {
        return; // the query sees nothing of the split
      }
      float max = Math.max(maxima[i], splitMaxima[i]);
      float before = Exponential.exp(maxima[i] - max);
      float here = Exponential.exp(splitMaxima[i] - max);
      maxima[i] = max;
      sums[i] = Math.fma(splitSums[i], here, sums[i] * before);
      float[] output = outputs[i];
      float[] addend = splitOutputs[i];
      for (int d = 0; d < output.length; d++) {
        output[d] = Math.fma(addend[d], here, output[d] * before);
      }
    }
  }
}
