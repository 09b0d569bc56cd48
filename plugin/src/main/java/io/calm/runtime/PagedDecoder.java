package io.calm.runtime;

import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.tensor.TokenTable;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** What the W4A8 decoders share: sequences over pages, and the checks and rows of a step. */
abstract sealed class PagedDecoder implements Decoder permits JavaDecoder, NativeDecoder {
  private final ModelSpec spec;
  private final KvStorage storage;

  PagedDecoder(QuantizedModel model, KvStorage storage) {
    this.spec = model.spec();
    this.storage = storage;
    checkTable("embeddings", model.embeddings());
    checkTable("lm_head", model.head());
  }

  private void checkTable(String name, TokenTable table) {
    if (table.tokens() != spec.vocabulary() || table.width() != spec.hidden()) {
      throw new IllegalArgumentException(
          "%s: expected [%d, %d], got [%d, %d]; make the model's artifact again"
              .formatted(name, spec.vocabulary(), spec.hidden(), table.tokens(), table.width()));
    }
  }

  @Override
  public final ModelSpec spec() {
    return spec;
  }

  @Override
  public final Sequence newSequence(int capacity) {
    if (capacity <= 0 || capacity > spec.maxContext()) {
      throw new IllegalArgumentException(
          "sequence: expected a capacity of 1 to %d tokens, got %d"
              .formatted(spec.maxContext(), capacity));
    }
    return new KvSequence(storage, capacity);
  }

  @Override
  public final List<float[][]> step(List<Chunk> chunks) {
    validate(chunks);
    List<float[][]> results = new ArrayList<>();
    run(rows(chunks, results));
    for (Chunk chunk : chunks) {
      ((KvSequence) chunk.sequence()).append(chunk.tokens().length);
    }
    return results;
  }

  /**
   * Runs a step's rows, in the order of their chunks, and fills the logits that are wanted.
   *
   * @throws StepFailedException if numbers are not finite
   */
  abstract void run(List<Row> rows);

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
}
