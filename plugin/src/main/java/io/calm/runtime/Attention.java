package io.calm.runtime;

import io.calm.model.ModelSpec;
import io.calm.tensor.Exponential;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Causal attention of a pass's rows over the stored keys and values, with shared key-value heads
 * and an optional window.
 *
 * <p>Positions are divided into splits of {@value #SPLIT} with fixed borders. For each row, head
 * and split, all in float32: score = (sum over d ascending, fused, of q k) / sqrt(headDim); weight
 * = e^(score - the split's largest); the sum of weights, position p in lane p mod {@value #LANES},
 * the lanes added in halves; output = sum over positions ascending, fused, of weight * v. Splits
 * are merged in ascending order as arXiv 2205.14135 does. So the bits do not depend on pages, on
 * the rows beside or on threads.
 *
 * <p>Rows of one sequence that follow each other are taken in blocks, so that a page is read once
 * for all of them.
 */
final class Attention {
  /** Positions whose attention is computed apart and then merged. */
  static final int SPLIT = 4 * Decoder.BLOCK_TOKENS;

  private static final int BLOCK_ROWS = 16;
  private static final int LANES = 16;

  private final FloatPages pages;
  private final Workers workers;
  private final int heads;
  private final int kvHeads;
  private final int headDim;
  private final int shared;
  private final float scale;
  private final Scratch[] scratch;

  /** Rows {@code first} (inclusive) to {@code end} (exclusive) of one sequence. */
  private record RowBlock(int first, int end) {}

  Attention(ModelSpec spec, FloatPages pages, Workers workers) {
    this.pages = pages;
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
   * Writes the heads' outputs.
   *
   * @param window 0 for all positions
   * @param queries [T, heads * headDim], rotated
   * @param target [T, heads * headDim]
   */
  void run(int layer, int window, List<Row> rows, float[] queries, float[] target) {
    List<RowBlock> blocks = blocks(rows);
    workers
        .pool()
        .run(
            blocks.size() * kvHeads,
            (item, worker) -> {
              RowBlock block = blocks.get(item / kvHeads);
              attend(layer, item % kvHeads, window, rows, block, queries, target, scratch[worker]);
            });
  }

  private List<RowBlock> blocks(List<Row> rows) {
    List<RowBlock> blocks = new ArrayList<>();
    int first = 0;
    while (first < rows.size()) {
      int chunk = rows.get(first).chunk();
      int end = first + 1;
      while (end < rows.size() && end - first < BLOCK_ROWS && rows.get(end).chunk() == chunk) {
        end++;
      }
      blocks.add(new RowBlock(first, end));
      first = end;
    }
    return blocks;
  }

  private static int start(int position, int window) {
    return window == 0 ? 0 : Math.max(0, position - window + 1);
  }

  private void attend(
      int layer,
      int kvHead,
      int window,
      List<Row> rows,
      RowBlock block,
      float[] queries,
      float[] target,
      Scratch s) {
    Row sequence = rows.get(block.first());
    int firstPosition = rows.get(block.first()).position();
    int lastPosition = firstPosition + block.end() - block.first() - 1;
    int count = (block.end() - block.first()) * shared;
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
        int query = ((block.first() + i / shared) * heads + kvHead * shared + i % shared) * headDim;
        int position = firstPosition + i / shared;
        score(queries, query, start(position, window) - base, position + 1 - base, length, i, s);
      }
      addValues(sequence, layer, kvHead, base, length, count, s);
      for (int i = 0; i < count; i++) {
        s.merge(i);
      }
    }
    for (int i = 0; i < count; i++) {
      int at = ((block.first() + i / shared) * heads + kvHead * shared + i % shared) * headDim;
      for (int d = 0; d < headDim; d++) {
        target[at + d] = s.outputs[i][d] / s.sums[i];
      }
    }
  }

  /** Leaves the weights of query {@code i}, their largest score and their sum in the scratch. */
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
      Row sequence, int layer, int kvHead, int base, int length, int count, Scratch s) {
    for (int i = 0; i < count; i++) {
      Arrays.fill(s.splitOutputs[i], 0f);
    }
    for (int page = 0; page < length; page += Decoder.BLOCK_TOKENS) {
      readValues(sequence, layer, kvHead, base + page, s);
      for (int i = 0; i < count; i++) {
        VectorLoops.addWeighted(
            s.values, 0, Decoder.BLOCK_TOKENS, s.scores[i], page, s.splitOutputs[i], headDim);
      }
    }
  }

  private void readKeys(Row sequence, int layer, int head, int base, int length, Scratch s) {
    int from = pages.keys(layer, head);
    for (int page = 0; page < length; page += Decoder.BLOCK_TOKENS) {
      FloatBuffer memory = sequence.page(base + page).floats();
      for (int d = 0; d < headDim; d++) {
        memory.get(from + d * Decoder.BLOCK_TOKENS, s.keys[d], page, Decoder.BLOCK_TOKENS);
      }
    }
  }

  private void readValues(Row sequence, int layer, int head, int page, Scratch s) {
    FloatBuffer memory = sequence.page(page).floats();
    int from = pages.values(layer, head);
    for (int p = 0; p < Decoder.BLOCK_TOKENS; p++) {
      memory.get(from + p * headDim, s.values[p], 0, headDim);
    }
  }

  /** What one worker needs. */
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

    /** Makes room for {@code count} queries and clears their running results. */
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
