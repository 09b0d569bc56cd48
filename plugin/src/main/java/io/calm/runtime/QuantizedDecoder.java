package io.calm.runtime;

import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.tensor.Lifetime;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/**
 * The common base of the W4A8 decoders: KV storage, the checks of a step, and its division into
 * rows.
 *
 * <p>No memory is read after it was freed: steps and {@link #close} hold the same lock, KV blocks
 * never leave the decoder, and the model is read under a lease. This constructor takes the lease,
 * so a subclass constructor that fails must call {@link #close}.
 */
abstract sealed class QuantizedDecoder implements Decoder permits JavaDecoder, NativeDecoder {
  private final ModelSpec spec;
  private final KvStorage storage;
  private final StepCheck check;
  private final Lifetime lifetime;
  private final Lifetime.Lease lease;
  private final List<LogitRow> logitRows = new ArrayList<>();
  private final Deque<Runnable> parts = new ArrayDeque<>();
  private boolean closed;

  QuantizedDecoder(QuantizedModel model, KvStorage storage) {
    this.spec = model.spec();
    this.storage = storage;
    this.check = new StepCheck(spec, storage.blocks());
    WeightCheck.checkTables(model);
    this.lifetime = model.lifetime();
    this.lease = lifetime.lease();
  }

  /** Registers an action that {@link #close} runs; the last one registered runs first. */
  final void freedBy(Runnable free) {
    parts.push(free);
  }

  @Override
  public final ModelSpec spec() {
    return spec;
  }

  @Override
  public final int blocks() {
    return storage.blocks();
  }

  @Override
  public final synchronized List<List<Logits>> step(List<Chunk> chunks) {
    if (closed) {
      throw new IllegalStateException("the decoder is closed");
    }
    check.check(chunks);
    storage.reserve(chunks);
    List<StepRow> rows = rows(chunks);
    runReadable(rows);
    List<List<Logits>> results = new ArrayList<>(chunks.size());
    int row = 0;
    for (Chunk chunk : chunks) {
      List<Logits> wanted = new ArrayList<>();
      for (int i = 0; i < chunk.tokens().length; i++) {
        rows.get(row++).logits().ifPresent(logits -> wanted.add(logits.logits()));
      }
      results.add(wanted);
    }
    return results;
  }

  /**
   * Runs a step's rows and detects unreadable weights. A truncated mapped file shows in one of
   * three ways: the read faults; the rest of its last memory page reads as zeros, and results are
   * wrong; or the JVM reports a fault late, on another thread. The file's size reveals each. It is
   * checked after every step, before the results are used; a check takes some microseconds.
   */
  private void runReadable(List<StepRow> rows) {
    try {
      run(rows);
      checkFiles();
    } catch (InternalError e) {
      throw new UnreadableWeightsException(
          lifetime.damage().orElse("a read of the model's weights failed: " + e.getMessage()), e);
    } catch (StepFailedException e) {
      throw lifetime
          .damage()
          .<RuntimeException>map(what -> new UnreadableWeightsException(what, e))
          .orElse(e);
    }
  }

  private void checkFiles() {
    lifetime
        .damage()
        .ifPresent(
            what -> {
              throw new UnreadableWeightsException(what);
            });
  }

  /**
   * Runs a step's rows, in the order of their chunks, and fills the requested logits.
   *
   * @throws StepFailedException if numbers are not finite
   * @throws InternalError if mapped memory of the model has become unreadable
   */
  abstract void run(List<StepRow> rows);

  @Override
  public final synchronized void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      parts.forEach(Runnable::run);
    } finally {
      storage.close();
      logitRows.clear();
      lease.close();
    }
  }

  /** Returns the rows of all chunks in order. */
  private List<StepRow> rows(List<Chunk> chunks) {
    List<StepRow> rows = new ArrayList<>();
    int wantedRows = 0;
    for (int c = 0; c < chunks.size(); c++) {
      Chunk chunk = chunks.get(c);
      KvBlock[] kvBlocks = storage.blocks(chunk.blocks());
      int count = chunk.tokens().length;
      int firstWanted =
          switch (chunk.wanted()) {
            case NONE -> count;
            case LAST -> count - 1;
            case ALL -> 0;
          };
      for (int i = 0; i < count; i++) {
        Optional<LogitRow> logits =
            i < firstWanted ? Optional.empty() : Optional.of(logitRow(wantedRows++));
        rows.add(new StepRow(c, kvBlocks, chunk.position() + i, chunk.tokens()[i], logits));
      }
    }
    return rows;
  }

  private LogitRow logitRow(int index) {
    if (index == logitRows.size()) {
      logitRows.add(new LogitRow(spec.vocabulary()));
    }
    return logitRows.get(index);
  }
}
