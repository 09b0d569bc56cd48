package io.calm.runtime;

import io.calm.model.ActivationMode;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.tensor.ActivationQuantizer;
import io.calm.tensor.HeadKernel;
import io.calm.tensor.TokenTables;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The portable W4A8 decoder: every operation in Java, in a fixed order, so that its results are
 * what native kernels are checked against bit for bit.
 *
 * <p>A step's rows go through each linear together, at most {@value #MAX_ROWS} in one pass, which
 * bounds the scratch memory; weights are read where they are mapped. Keys and values are float32
 * outside the heap, reserved for a sequence's whole capacity.
 *
 * <p>Steps are made by one thread at a time; sequences may be made and closed by others.
 */
public final class JavaDecoder implements Decoder {
  private static final int MAX_ROWS = 256;
  private static final int HEAD_ROWS = 32;

  private final QuantizedModel model;
  private final ModelSpec spec;
  private final List<BlockWeights> blocks;
  private final RotaryTable rotary;
  private final KvStorage storage;
  private final Workers workers;
  private final PassBuffers buffers;
  private final BlockForward forward;
  private final HeadKernel head;

  /**
   * @param threads that compute, the caller's included; the others are daemons until {@link #close}
   * @throws IllegalArgumentException if a weight's shape or group does not fit the model's topology
   */
  public JavaDecoder(QuantizedModel model, int threads) {
    this.model = model;
    this.spec = model.spec();
    this.blocks = BlockWeights.of(model);
    checkTable("embeddings", model.embeddings().tokens(), model.embeddings().width());
    checkTable("lm_head", model.head().tokens(), model.head().width());
    this.rotary = RotaryTable.of(spec.rope(), spec.headDim());
    this.storage = new KvStorage(spec);
    ActivationQuantizer quantizer =
        model.activation() == ActivationMode.PER_TOKEN
            ? ActivationQuantizer.perToken()
            : ActivationQuantizer.perGroup();
    this.head = HeadKernel.of(model.head(), quantizer, HEAD_ROWS);
    this.workers = new Workers(threads, MAX_ROWS);
    this.buffers = new PassBuffers(model, MAX_ROWS);
    this.forward = new BlockForward(model, workers, buffers, quantizer, storage);
  }

  private void checkTable(String name, int tokens, int width) {
    if (tokens != spec.vocabulary() || width != spec.hidden()) {
      throw new IllegalArgumentException(
          "%s: expected [%d, %d], got [%d, %d]; make the model's artifact again"
              .formatted(name, spec.vocabulary(), spec.hidden(), tokens, width));
    }
  }

  /** Returns the bytes of keys and values that a token of a sequence takes. */
  public static long bytesPerToken(ModelSpec spec) {
    return new KvStorage(spec).pageBytes() / KvStorage.PAGE;
  }

  @Override
  public ModelSpec spec() {
    return spec;
  }

  @Override
  public Sequence newSequence(int capacity) {
    if (capacity <= 0 || capacity > spec.maxContext()) {
      throw new IllegalArgumentException(
          "sequence: expected a capacity of 1 to %d tokens, got %d"
              .formatted(spec.maxContext(), capacity));
    }
    return new KvSequence(storage, capacity);
  }

  @Override
  public List<float[][]> step(List<Chunk> chunks) {
    validate(chunks);
    List<float[][]> results = new ArrayList<>();
    List<Row> rows = rows(chunks, results);
    for (int from = 0; from < rows.size(); from += MAX_ROWS) {
      pass(rows.subList(from, Math.min(rows.size(), from + MAX_ROWS)));
    }
    for (Chunk chunk : chunks) {
      ((KvSequence) chunk.sequence()).append(chunk.tokens().length);
    }
    return results;
  }

  private void validate(List<Chunk> chunks) {
    if (chunks.isEmpty()) {
      throw new IllegalArgumentException("a step without chunks");
    }
    Set<Sequence> seen = new HashSet<>();
    for (int c = 0; c < chunks.size(); c++) {
      Chunk chunk = chunks.get(c);
      KvSequence sequence = requireOurs(c, chunk.sequence());
      if (!seen.add(sequence)) {
        throw new IllegalArgumentException(
            "chunk %d: its sequence is in the step twice".formatted(c));
      }
      int room = sequence.capacity() - sequence.length();
      if (chunk.tokens().length > room) {
        throw new IllegalArgumentException(
            "chunk %d: expected at most %d tokens, the sequence holding %d of %d, got %d"
                .formatted(c, room, sequence.length(), sequence.capacity(), chunk.tokens().length));
      }
      for (int token : chunk.tokens()) {
        if (token < 0 || token >= spec.vocabulary()) {
          throw new IllegalArgumentException(
              "chunk %d: expected token ids 0 to %d, got %d"
                  .formatted(c, spec.vocabulary() - 1, token));
        }
      }
    }
  }

  private KvSequence requireOurs(int chunk, Sequence sequence) {
    if (!(sequence instanceof KvSequence ours) || ours.storage() != storage) {
      throw new IllegalArgumentException(
          "chunk %d: its sequence is of another decoder".formatted(chunk));
    }
    if (ours.state() != KvSequence.State.OPEN) {
      throw new IllegalArgumentException(
          "chunk %d: expected an open sequence, got one that is %s"
              .formatted(chunk, ours.state() == KvSequence.State.CLOSED ? "closed" : "failed"));
    }
    return ours;
  }

  /** Lays all tokens one after the other, and adds each chunk's room for logits to results. */
  private List<Row> rows(List<Chunk> chunks, List<float[][]> results) {
    List<Row> rows = new ArrayList<>();
    for (Chunk chunk : chunks) {
      KvSequence sequence = (KvSequence) chunk.sequence();
      int count = chunk.tokens().length;
      int wanted =
          switch (chunk.wanted()) {
            case NONE -> 0;
            case LAST -> 1;
            case ALL -> count;
          };
      float[][] logits = new float[wanted][spec.vocabulary()];
      results.add(logits);
      for (int i = 0; i < count; i++) {
        int index = i - (count - wanted);
        rows.add(
            new Row(
                sequence,
                sequence.length() + i,
                chunk.tokens()[i],
                index < 0 ? Optional.empty() : Optional.of(logits[index])));
      }
    }
    return rows;
  }

  private void pass(List<Row> rows) {
    workers.forRows(rows.size(), row -> embed(row, rows.get(row)));
    for (int layer = 0; layer < blocks.size(); layer++) {
      forward.run(layer, blocks.get(layer), rows);
    }
    List<Integer> wanted = new ArrayList<>();
    for (int row = 0; row < rows.size(); row++) {
      if (rows.get(row).logits().isPresent()) {
        wanted.add(row);
      }
    }
    for (int from = 0; from < wanted.size(); from += HEAD_ROWS) {
      logits(rows, wanted.subList(from, Math.min(wanted.size(), from + HEAD_ROWS)));
    }
  }

  private void embed(int row, Row place) {
    float[] embedding = new float[spec.hidden()];
    TokenTables.readRow(model.embeddings(), place.token(), embedding);
    System.arraycopy(embedding, 0, buffers.residual, row * spec.hidden(), spec.hidden());
    rotary.fill(place.position(), buffers.cosines, buffers.sines, row * rotary.pairs());
  }

  private void logits(List<Row> rows, List<Integer> wanted) {
    List<Row> places = wanted.stream().map(rows::get).toList();
    float[][] targets =
        places.stream().map(row -> row.logits().orElseThrow()).toArray(float[][]::new);
    boolean[] finite = new boolean[targets.length];
    int width = spec.hidden();
    workers.forRows(
        targets.length,
        i -> {
          int at = wanted.get(i) * width;
          RmsNorm.apply(
              buffers.residual, at, buffers.input, i * width, model.finalNorm(), spec.rmsEpsilon());
          finite[i] = head.read(buffers.input, i * width, i);
        });
    StepFailures.check(finite, places, () -> "lm_head");
    Workers.StripTask task = (from, to, scratch) -> head.multiply(from, to, targets, scratch);
    workers.forStrips(workers.strips(new int[] {head.tiles()}, List.of(task)));
    for (int i = 0; i < targets.length; i++) {
      finite[i] = allFinite(targets[i]);
    }
    StepFailures.check(finite, places, () -> "logits");
  }

  private static boolean allFinite(float[] values) {
    float sum = 0;
    for (float value : values) {
      sum += value * 0; // 0, or NaN for a value that is not finite
    }
    return sum == 0;
  }

  /** Ends the pool's threads; sequences must not be used any more. */
  @Override
  public void close() {
    workers.close();
  }
}
