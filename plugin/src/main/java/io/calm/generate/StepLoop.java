package io.calm.generate;

import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.StepFailedException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One turn after the other: drop the cancelled, admit, run one step, send its events. Sequences
 * join and leave between steps. Used by one thread.
 *
 * <p>A turn never throws what a decoder or a listener threw: that ends the sequences concerned.
 */
final class StepLoop {
  private static final Logger logger = LoggerFactory.getLogger(StepLoop.class);

  private final Decoder decoder;
  private final SchedulerSettings settings;
  private final RequestQueue queue;
  private final List<ActiveSequence> running = new ArrayList<>();
  private int freeKvTokens;

  StepLoop(Decoder decoder, SchedulerSettings settings, RequestQueue queue) {
    this.decoder = decoder;
    this.settings = settings;
    this.queue = queue;
    this.freeKvTokens = settings.kvTokens();
  }

  void turn() {
    dropCancelled();
    admit();
    List<ActiveSequence> batch = new ArrayList<>();
    List<Chunk> chunks = new ArrayList<>();
    schedule(batch, chunks);
    if (!batch.isEmpty()) {
      step(batch, chunks);
    }
  }

  /** Ends everything that runs or waits; the queue must be closed. */
  void endAll() {
    for (Ticket ticket : queue.takeCancelled()) {
      ticket.finish(Finish.Reason.CANCELLED, Optional.empty(), "", 0);
    }
    for (ActiveSequence sequence : List.copyOf(running)) {
      end(sequence, Finish.Reason.CANCELLED, Optional.empty());
    }
  }

  private void dropCancelled() {
    for (Ticket ticket : queue.takeCancelled()) {
      ticket.finish(Finish.Reason.CANCELLED, Optional.empty(), "", 0);
    }
    for (ActiveSequence sequence : List.copyOf(running)) {
      if (sequence.ticket().cancelled()) {
        end(sequence, Finish.Reason.CANCELLED, Optional.empty());
      }
    }
  }

  private void admit() {
    while (true) {
      Optional<Ticket> next = queue.poll(freeKvTokens);
      if (next.isEmpty()) {
        return;
      }
      Ticket ticket = next.get();
      try {
        ActiveSequence sequence =
            new ActiveSequence(ticket, decoder.newSequence(ticket.request().capacity()));
        ticket.start();
        running.add(sequence);
        freeKvTokens -= sequence.capacity();
      } catch (RuntimeException | OutOfMemoryError e) {
        logger.error("no memory for a sequence of {} tokens", ticket.request().capacity(), e);
        queue.ended();
        ticket.finish(Finish.Reason.ERROR, Optional.of(message(e)), "", 0);
      }
    }
  }

  /** Every decode, then prompts in order of arrival while the step has room. */
  private void schedule(List<ActiveSequence> batch, List<Chunk> chunks) {
    int budget = settings.stepTokens();
    for (ActiveSequence sequence : running) {
      if (sequence.decoding()) {
        batch.add(sequence);
        chunks.add(sequence.next(1));
        budget--;
      }
    }
    budget = Math.max(1, budget);
    for (ActiveSequence sequence : running) {
      if (!sequence.decoding() && budget > 0) {
        Chunk chunk = sequence.next(budget);
        batch.add(sequence);
        chunks.add(chunk);
        budget -= chunk.tokens().length;
      }
    }
  }

  private void step(List<ActiveSequence> batch, List<Chunk> chunks) {
    List<float[][]> logits;
    try {
      logits = decoder.step(chunks);
    } catch (StepFailedException e) {
      failed(batch, e);
      return;
    } catch (RuntimeException | Error e) {
      logger.error("a step of {} sequences failed", batch.size(), e);
      batch.forEach(sequence -> end(sequence, Finish.Reason.ERROR, Optional.of(message(e))));
      return;
    }
    for (int i = 0; i < batch.size(); i++) {
      advance(batch.get(i), chunks.get(i), logits.get(i));
    }
  }

  /** Ends the sequences that the decoder named; all where it named none of these. */
  private void failed(List<ActiveSequence> batch, StepFailedException e) {
    logger.error("a step of {} sequences failed: {}", batch.size(), e.getMessage());
    List<ActiveSequence> named =
        batch.stream().filter(sequence -> e.failed().contains(sequence.memory())).toList();
    for (ActiveSequence sequence : named.isEmpty() ? batch : named) {
      end(sequence, Finish.Reason.ERROR, Optional.of(message(e)));
    }
  }

  private void advance(ActiveSequence sequence, Chunk chunk, float[][] rows) {
    try {
      sequence.advance(chunk, rows).ifPresent(reason -> end(sequence, reason, Optional.empty()));
    } catch (RuntimeException e) {
      logger.error("a generation failed after its step", e);
      end(sequence, Finish.Reason.ERROR, Optional.of(message(e)));
    }
  }

  private void end(ActiveSequence sequence, Finish.Reason reason, Optional<String> error) {
    running.remove(sequence);
    freeKvTokens += sequence.capacity();
    queue.ended();
    try {
      sequence.finish(reason, error);
    } catch (RuntimeException e) {
      logger.error("a sequence's memory was not freed", e);
    }
  }

  private static String message(Throwable e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }
}
