package io.calm.generate;

import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Logits;
import io.calm.runtime.KvMemoryException;
import io.calm.runtime.StepFailedException;
import io.calm.runtime.UnreadableWeightsException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.LongStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One turn after the other: schedule, run, postprocess. Sequences join and leave between steps.
 * Used by one thread.
 *
 * <p>A turn never throws what a decoder or a listener threw: that ends the sequences concerned.
 * Only the loss of the model's weights is thrown on, after which no step can be made.
 */
final class StepLoop {
  /** Steps after which blocks without memory are tried again, which in vain takes half a second. */
  static final int STEPS_TO_RETRY = 2048;

  private static final Logger logger = LoggerFactory.getLogger(StepLoop.class);

  private final Decoder decoder;
  private final SchedulerSettings settings;
  private final RequestQueue queue;
  private final int stepsToRetry;
  private final Roster roster;
  private long steps;
  private long stepTokens;

  StepLoop(Decoder decoder, SchedulerSettings settings, RequestQueue queue) {
    this(decoder, settings, queue, STEPS_TO_RETRY);
  }

  /** Tries again after other than {@value #STEPS_TO_RETRY} steps. */
  StepLoop(Decoder decoder, SchedulerSettings settings, RequestQueue queue, int stepsToRetry) {
    this.stepsToRetry = stepsToRetry;
    this.decoder = decoder;
    this.settings = settings;
    this.queue = queue;
    this.roster = new Roster(settings, queue);
  }

  /** Returns whether there was something to do, so that another turn may have something too. */
  boolean turn() {
    endOver();
    List<Work> batch = schedule();
    if (batch.isEmpty()) {
      return false;
    }
    run(batch).ifPresent(rows -> postprocess(batch, rows));
    return true;
  }

  /** Ends who was cancelled and whose time is over, whether they wait or run. */
  private void endOver() {
    for (Ticket ticket : queue.takeIf(t -> t.over().isPresent())) {
      ticket.finish(ticket.over().orElse(Finish.Reason.CANCELLED), Optional.empty(), "", 0);
    }
    roster.forEach(
        sequence ->
            sequence.ticket().over().ifPresent(reason -> end(sequence, reason, Optional.empty())));
  }

  /** Every decode, then prompts in order of arrival while the step has room. */
  private List<Work> schedule() {
    roster.admit();
    List<ActiveSequence> runnable = roster.runnable();
    List<Work> batch = new ArrayList<>();
    for (ActiveSequence sequence : runnable) {
      if (sequence.admitted() && sequence.decoding() && roster.reserve(sequence, 1)) {
        batch.add(sequence.decode());
      }
    }
    int budget = Math.max(1, settings.stepTokens() - batch.size());
    int scored = SchedulerSettings.MOST_SCORED_ROWS;
    for (ActiveSequence sequence : runnable) {
      if (!sequence.admitted() || sequence.decoding()) {
        continue;
      }
      int most = sequence.scoring() ? Math.min(budget, scored) : budget;
      int count = Math.min(sequence.remaining(), most);
      if (count > 0 && roster.reserve(sequence, count)) {
        Work.Prefill prefill = sequence.prefill(count);
        batch.add(prefill);
        budget -= count;
        scored -= sequence.scoring() ? count : 0;
      }
    }
    batch.removeIf(work -> !work.sequence().admitted()); // preempted after it was scheduled
    return batch;
  }

  /** Returns the rows of each; empty where the step failed: who still can goes on in the next. */
  private Optional<List<List<Logits>>> run(List<Work> batch) {
    if (++steps % stepsToRetry == 0) {
      roster.blocks().retryMemory();
    }
    stepTokens += batch.stream().mapToInt(work -> work.chunk().tokens().length).sum();
    try {
      return Optional.of(decoder.step(batch.stream().map(Work::chunk).toList()));
    } catch (KvMemoryException e) {
      logger.warn("a step of {} sequences lacks memory: {}", batch.size(), e.getMessage());
      shrink(batch, e);
    } catch (StepFailedException e) {
      logger.error("a step of {} sequences failed: {}", batch.size(), e.getMessage());
      fail(batch, e.failed(), e);
    } catch (UnreadableWeightsException e) {
      throw e; // ends the loop, and with it everything that runs or waits
    } catch (RuntimeException | Error e) {
      logger.error("a step of {} sequences failed", batch.size(), e);
      fail(batch, Set.of(), e);
    }
    return Optional.empty();
  }

  /** Ends the sequences that the decoder named; all where it named none of these. */
  private void fail(List<Work> batch, Set<Integer> named, Throwable e) {
    boolean all = named.stream().noneMatch(index -> index >= 0 && index < batch.size());
    for (int i = 0; i < batch.size(); i++) {
      if (all || named.contains(i)) {
        end(batch.get(i).sequence(), Finish.Reason.ERROR, Optional.of(message(e)));
      }
    }
  }

  /** Leaves the blocks that have no memory alone, and ends those for whom no others suffice. */
  private void shrink(List<Work> batch, KvMemoryException e) {
    batch.forEach(work -> work.sequence().releaseEmpty(roster.blocks()));
    roster.blocks().withoutMemory(e.blocks());
    for (Work work : batch) {
      ActiveSequence sequence = work.sequence();
      if (sequence.exceedsMemory(roster.blocks(), work.chunk().tokens().length)) {
        end(sequence, Finish.Reason.ERROR, Optional.of(message(e)));
      }
    }
  }

  private void postprocess(List<Work> batch, List<List<Logits>> rows) {
    for (int i = 0; i < batch.size(); i++) {
      Work work = batch.get(i);
      ActiveSequence sequence = work.sequence();
      try {
        sequence
            .advance(roster.blocks(), work, rows.get(i))
            .ifPresent(reason -> end(sequence, reason, Optional.empty()));
      } catch (RuntimeException | Error e) {
        logger.error("a generation failed after its step", e);
        end(sequence, Finish.Reason.ERROR, Optional.of(message(e)));
      }
    }
  }

  private void end(ActiveSequence sequence, Finish.Reason reason, Optional<String> error) {
    roster.remove(sequence);
    sequence.finish(reason, error);
  }

  /** Ends everything that runs or waits; the queue must be closed. */
  void endAll(Finish.Reason reason, Optional<String> error) {
    for (Ticket ticket : queue.takeIf(t -> true)) {
      ticket.finish(reason, error, "", 0);
    }
    roster.forEach(sequence -> end(sequence, reason, error));
  }

  /** Returns how long the first deadline of all requests is away. */
  OptionalLong nanosToDeadline() {
    LongStream.Builder left = LongStream.builder();
    roster.forEach(sequence -> sequence.ticket().nanosLeft().ifPresent(left));
    queue.nanosToDeadline().ifPresent(left);
    return left.build().min();
  }

  SchedulerStats stats() {
    return roster.stats(steps, stepTokens);
  }

  static String message(Throwable e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }
}
