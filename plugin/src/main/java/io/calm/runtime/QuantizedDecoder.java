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
  private final WantedRows logitRows;
  private final Deque<Runnable> parts = new ArrayDeque<>();
  private boolean closed;

  QuantizedDecoder(QuantizedModel model, KvStorage storage) {
    this.spec = model.spec();
    this.logitRows = new WantedRows(spec.vocabulary());
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
    List<List<Optional<LogitRow>>> logits = logitRows.of(chunks);
    runReadable(rows(chunks, logits));
    return WantedRows.results(logits);
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
  private List<StepRow> rows(List<Chunk> chunks, List<List<Optional<LogitRow>>> logits) {
    List<StepRow> rows = new ArrayList<>();
    for (int c = 0; c < chunks.size(); c++) {
      Chunk chunk = chunks.get(c);
      KvBlock[] kvBlocks = storage.blocks(chunk.blocks());
      for (int i = 0; i < chunk.tokens().length; i++) {
        rows.add(
            new StepRow(
                c, kvBlocks, chunk.position() + i, chunk.tokens()[i], logits.get(c).get(i)));
      }
    }
    return rows;
  }
}
