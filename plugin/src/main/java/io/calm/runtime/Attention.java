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
 * <p>For each row and head, all in float32: score = (sum over d ascending, fused, of q k) /
 * sqrt(headDim); weight = e^(score - max); output = (sum over positions ascending, fused, of weight
 * * v) / (sum over positions ascending of weight). So the bits do not depend on pages, on the rows
 * beside or on threads.
 *
 * <p>Rows of one sequence that follow each other are taken in blocks, so that a page is read once
 * for all of them.
 */
final class Attention {
  private static final int BLOCK_ROWS = 16;
  private static final int CHUNK = 4 * KvStorage.PAGE;
  private static final int MAX_SCORES = 1 << 20;

  private final KvStorage storage;
  private final Workers workers;
  private final int heads;
  private final int kvHeads;
  private final int headDim;
  private final int shared;
  private final float scale;
  private final Scratch[] scratch;

  /** Rows {@code first} (inclusive) to {@code end} (exclusive) of one sequence. */
  private record RowBlock(int first, int end) {}

  Attention(ModelSpec spec, KvStorage storage, Workers workers) {
    this.storage = storage;
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
      KvSequence sequence = rows.get(first).sequence();
      int most = Math.max(1, MAX_SCORES / (shared * (rows.get(first).position() + BLOCK_ROWS)));
      int end = first + 1;
      while (end < rows.size()
          && end - first < Math.min(BLOCK_ROWS, most)
          && rows.get(end).sequence() == sequence) {
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
    KvSequence sequence = rows.get(block.first()).sequence();
    int firstPosition = rows.get(block.first()).position();
    int lastPosition = firstPosition + block.end() - block.first() - 1;
    int base = start(firstPosition, window) / CHUNK * CHUNK;
    int count = (block.end() - block.first()) * shared;
    s.prepare(count, lastPosition + 1 - base);
    for (int chunk = base; chunk <= lastPosition; chunk += CHUNK) {
      int length = Math.min(CHUNK, lastPosition + 1 - chunk);
      readKeys(sequence, layer, kvHead, chunk, length, s);
      for (int i = 0; i < count; i++) {
        int query = ((block.first() + i / shared) * heads + kvHead * shared + i % shared) * headDim;
        System.arraycopy(queries, query, s.query, 0, headDim);
        Arrays.fill(s.partial, 0, length, 0f);
        VectorLoops.addWeighted(s.keys, 0, headDim, s.query, 0, s.partial, length);
        System.arraycopy(s.partial, 0, s.scores[i], chunk - base, length);
      }
    }
    for (int i = 0; i < count; i++) {
      int position = firstPosition + i / shared;
      s.sums[i] = softmax(s.scores[i], start(position, window) - base, position + 1 - base);
      Arrays.fill(s.outputs[i], 0f);
    }
    for (int page = base; page <= lastPosition; page += KvStorage.PAGE) {
      readValues(sequence, layer, kvHead, page, s);
      for (int i = 0; i < count; i++) {
        int position = firstPosition + i / shared;
        int from = Math.max(start(position, window) - page, 0);
        int to = Math.min(position + 1 - page, KvStorage.PAGE);
        VectorLoops.addWeighted(
            s.values, from, to, s.scores[i], page - base, s.outputs[i], headDim);
      }
    }
    for (int i = 0; i < count; i++) {
      int at = ((block.first() + i / shared) * heads + kvHead * shared + i % shared) * headDim;
      for (int d = 0; d < headDim; d++) {
        target[at + d] = s.outputs[i][d] / s.sums[i];
      }
    }
  }

  private void readKeys(
      KvSequence sequence, int layer, int head, int chunk, int length, Scratch s) {
    int from = storage.keys(layer, head);
    for (int page = 0; page < length; page += KvStorage.PAGE) {
      FloatBuffer memory = sequence.page(chunk + page);
      for (int d = 0; d < headDim; d++) {
        memory.get(from + d * KvStorage.PAGE, s.keys[d], page, KvStorage.PAGE);
      }
    }
  }

  private void readValues(KvSequence sequence, int layer, int head, int page, Scratch s) {
    FloatBuffer memory = sequence.page(page);
    int from = storage.values(layer, head);
    for (int p = 0; p < KvStorage.PAGE; p++) {
      memory.get(from + p * headDim, s.values[p], 0, headDim);
    }
  }

  /** Replaces scores {@code from} to {@code to} by weights and returns their sum. */
  private float softmax(float[] scores, int from, int to) {
    float max = Float.NEGATIVE_INFINITY;
    for (int i = from; i < to; i++) {
      scores[i] *= scale;
      max = Math.max(max, scores[i]);
    }
    float sum = 0;
    for (int i = from; i < to; i++) {
      scores[i] = Exponential.exp(scores[i] - max);
      sum += scores[i];
    }
    return sum;
  }

  /** What one worker needs. */
  private static final class Scratch {
    final float[][] keys;
    final float[][] values;
    final float[] query;
    final float[] partial = new float[CHUNK];
    float[][] scores = new float[0][];
    float[][] outputs = new float[0][];
    float[] sums = new float[0];

    Scratch(int headDim) {
      keys = new float[headDim][CHUNK];
      values = new float[KvStorage.PAGE][headDim];
      query = new float[headDim];
    }

    /** Makes room for {@code count} queries over {@code positions} positions. */
    void prepare(int count, int positions) {
      if (sums.length < count) {
        scores = new float[count][0];
        outputs = new float[count][query.length];
        sums = new float[count];
      }
      for (int i = 0; i < count; i++) {
        if (scores[i].length < positions) {
          scores[i] = new float[Math.max(positions, 2 * scores[i].length)];
        }
      }
    }
  }
}
