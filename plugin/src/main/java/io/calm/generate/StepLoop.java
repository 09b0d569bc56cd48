package io.calm.generate;

import io.calm.runtime.ChunkRefusedException;
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
import java.util.TreeSet;
import java.util.stream.LongStream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One turn after the other: schedule, run, postprocess. Sequences join and leave between steps.
 * Used by one thread.
 *
 * <p>A turn never throws what a decoder or a listener threw: that ends the sequences concerned.
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
    run(batch);
    return true;
  }

  /** Finishes cancelled and timed-out requests, queued or running. */
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

  /**
   * Runs a step and processes its results. A failure ends the sequences at fault. If the decoder
   * does not name them, the two halves of the step run separately: results do not depend on the
   * other sequences of a step, so a sequence that fails alone is at fault. A fault of the decoder
   * itself fails every half and so ends all sequences of the step.
   */
  private void run(List<Work> batch) {
    List<List<Work>> waiting = new ArrayList<>(List.of(batch));
    while (!waiting.isEmpty()) {
      List<Work> step = waiting.remove(0);
      List<List<Logits>> rows;
      try {
        rows = decode(step);
      } catch (KvMemoryException e) {
        logger.warn("a step of {} sequences lacks memory: {}", step.size(), e.getMessage());
        waiting.forEach(later -> later.forEach(this::releaseEmpty));
        shrink(step, e);
        return; // those that wait are scheduled again
      } catch (UnreadableWeightsException e) {
        throw e; // ends the loop, and with it everything that runs or waits
      } catch (RuntimeException | Error e) {
        waiting.addAll(0, fail(step, e));
        continue;
      }
      postprocess(step, rows);
    }
  }

  /** Ends the sequences at fault; returns the halves to run if none is known. */
  private List<List<Work>> fail(List<Work> step, Throwable e) {
    Set<Integer> failed = culprits(step, e);
    if (failed.isEmpty()) {
      logger.warn("a step of {} sequences failed, halving it: {}", step.size(), message(e));
      int half = step.size() / 2;
      return List.of(step.subList(0, half), step.subList(half, step.size()));
    }
    logger.error("{} of {} sequences of a step failed", failed.size(), step.size(), e);
    failed.forEach(i -> end(step.get(i).sequence(), Finish.Reason.ERROR, Optional.of(message(e))));
    return List.of();
  }

  private List<List<Logits>> decode(List<Work> step) {
    if (++steps % stepsToRetry == 0) {
      roster.blocks().retryMemory();
    }
    stepTokens += step.stream().mapToInt(work -> work.chunk().tokens().length).sum();
    List<List<Logits>> rows = decoder.step(step.stream().map(Work::chunk).toList());
    if (rows.size() != step.size()) {
      throw new IllegalStateException(
          "the decoder has a bug: expected the rows of %d chunks, got %d"
              .formatted(step.size(), rows.size()));
    }
    return rows;
  }

  /** Returns the indexes in a step of the sequences at fault; empty if none is known. */
  private static Set<Integer> culprits(List<Work> step, Throwable e) {
    Set<Integer> known = new TreeSet<>();
    if (e instanceof StepFailedException failure) {
      known.addAll(failure.failed());
    } else if (e instanceof ChunkRefusedException refusal) {
      known.add(refusal.chunk());
    }
    known.removeIf(index -> index < 0 || index >= step.size());
    return known.isEmpty() && step.size() == 1 ? Set.of(0) : known;
  }

  private void releaseEmpty(Work work) {
    work.sequence().releaseEmpty(roster.blocks());
  }

  /** Leaves the blocks that have no memory alone, and ends those for whom no others suffice. */
  private void shrink(List<Work> batch, KvMemoryException e) {
    batch.forEach(this::releaseEmpty);
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
