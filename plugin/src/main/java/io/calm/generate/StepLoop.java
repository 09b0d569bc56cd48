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
 * The loop body of a {@link Scheduler}: schedules a step, runs it, and processes its results.
 * Confined to the scheduler's thread, except {@link #stats}.
 *
 * <p>An exception of the decoder or a listener ends the sequences at fault and is not rethrown. The
 * only exception is {@link UnreadableWeightsException}, which ends the loop.
 */
final class StepLoop {
  /**
   * Number of steps after which blocks without memory are tried again; a failed attempt takes half
   * a second.
   */
  static final int STEPS_TO_RETRY = 2048;

  private static final Logger logger = LoggerFactory.getLogger(StepLoop.class);

  private final Decoder decoder;
  private final SchedulerSettings settings;
  private final RequestQueue queue;
  private final int stepsToRetry;
  private final ActiveSequences active;
  private final Speculator speculator;
  private long steps;
  private long stepTokens;
  private long stepSequences;
  private volatile SchedulerStats stats;

  StepLoop(Decoder decoder, SchedulerSettings settings, RequestQueue queue, StepCosts costs) {
    this(decoder, settings, queue, costs, STEPS_TO_RETRY);
  }

  /** Creates a loop with another number of steps than {@link #STEPS_TO_RETRY}. */
  StepLoop(
      Decoder decoder,
      SchedulerSettings settings,
      RequestQueue queue,
      StepCosts costs,
      int stepsToRetry) {
    this.stepsToRetry = stepsToRetry;
    this.decoder = decoder;
    this.settings = settings;
    this.queue = queue;
    this.active = new ActiveSequences(settings, queue);
    this.speculator = new Speculator(settings.speculatedTokens(), costs);
    publishStats();
  }

  /** Runs one step, if there is work; returns whether there was. */
  boolean turn() {
    finishCancelledAndTimedOut();
    List<ScheduledChunk> batch = schedule();
    publishStats(); // before the step, whose events may be answered by a request for the state
    if (batch.isEmpty()) {
      return false;
    }
    run(batch);
    publishStats();
    return true;
  }

  /** Finishes cancelled and timed-out requests, queued or running. */
  private void finishCancelledAndTimedOut() {
    for (Submission submission : queue.takeIf(t -> t.endReason().isPresent())) {
      submission.finish(
          submission.endReason().orElse(Finish.Reason.CANCELLED), Optional.empty(), 0);
    }
    active.forEach(
        sequence ->
            sequence
                .submission()
                .endReason()
                .ifPresent(reason -> end(sequence, reason, Optional.empty())));
  }

  /**
   * Schedules all decodes with their predicted tokens, then prompt chunks in order of arrival
   * within the token budget.
   */
  private List<ScheduledChunk> schedule() {
    active.admit();
    List<ActiveSequence> runnable = active.runnable();
    List<ScheduledChunk> batch = decodes(runnable);
    int predicted = batch.stream().mapToInt(ScheduledChunk::predicted).sum();
    int budget = Math.max(1, settings.stepTokens() - batch.size() - predicted);
    int scored = SchedulerSettings.MAX_SCORED_ROWS - predicted;
    for (ActiveSequence sequence : runnable) {
      if (!sequence.admitted() || sequence.decoding()) {
        continue;
      }
      if (budget > 0) {
        active.share(sequence); // others may have published blocks of its prompt
      }
      int max = sequence.scoring() ? Math.min(budget, scored) : budget;
      int count = Math.min(sequence.remaining(), max);
      if (count > 0 && active.reserve(sequence, count)) {
        ScheduledChunk.Prefill prefill = sequence.prefill(count);
        batch.add(prefill);
        budget -= count;
        scored -= sequence.scoring() ? count : 0;
      }
    }
    batch.removeIf(
        scheduled -> !scheduled.sequence().admitted()); // preempted after it was scheduled
    return batch;
  }

  private List<ScheduledChunk> decodes(List<ActiveSequence> runnable) {
    List<ActiveSequence> decoding = new ArrayList<>();
    for (ActiveSequence sequence : runnable) {
      if (sequence.admitted() && sequence.decoding() && active.reserve(sequence, 1)) {
        decoding.add(sequence);
      }
    }
    decoding.removeIf(sequence -> !sequence.admitted()); // preempted for a later one
    int half = (settings.stepTokens() - decoding.size()) / 2; // the rest is for prompts
    int[] predicted = speculator.plan(decoding, half);
    int promised = ActiveSequences.promised(runnable);
    List<ScheduledChunk> batch = new ArrayList<>();
    for (int i = 0; i < predicted.length; i++) {
      batch.add(decoding.get(i).decode(active.blocks(), predicted[i], promised));
    }
    return batch;
  }

  /**
   * Runs a step and processes its results. A failure ends the sequences at fault. If the decoder
   * does not name them, the two halves of the step run separately: results do not depend on the
   * other sequences of a step, so a sequence that fails alone is at fault. A fault of the decoder
   * itself fails every half and so ends all sequences of the step.
   */
  private void run(List<ScheduledChunk> batch) {
    List<List<ScheduledChunk>> waiting = new ArrayList<>(List.of(batch));
    while (!waiting.isEmpty()) {
      List<ScheduledChunk> step = waiting.remove(0);
      List<List<Logits>> rows;
      try {
        rows = decode(step);
      } catch (KvMemoryException e) {
        logger.warn("no memory for a step of {} sequences: {}", step.size(), e.getMessage());
        waiting.forEach(later -> later.forEach(this::releaseEmpty));
        shrink(step, e);
        return; // the other halves are scheduled again
      } catch (UnreadableWeightsException e) {
        throw e; // ends the loop and all requests
      } catch (RuntimeException | Error e) {
        waiting.addAll(0, fail(step, e));
        continue;
      }
      postprocess(step, rows);
    }
  }

  /** Ends the sequences at fault; returns the halves to run if the fault cannot be attributed. */
  private List<List<ScheduledChunk>> fail(List<ScheduledChunk> step, Throwable e) {
    Set<Integer> failed = culprits(step, e);
    if (failed.isEmpty()) {
      logger.warn(
          "a step of {} sequences failed; retrying it in two halves: {}", step.size(), message(e));
      int half = step.size() / 2;
      return List.of(step.subList(0, half), step.subList(half, step.size()));
    }
    logger.error("{} of {} sequences of a step failed", failed.size(), step.size(), e);
    step.forEach(this::releaseEmpty); // the next step reserves again, without these predictions
    failed.forEach(i -> fail(step.get(i), message(e)));
    return List.of();
  }

  /** Ends a sequence, unless a predicted token may be at fault: it is decoded without them then. */
  private void fail(ScheduledChunk scheduled, String message) {
    if (scheduled.predicted() > 0) {
      scheduled.sequence().stopSpeculating();
    } else {
      end(scheduled.sequence(), Finish.Reason.ERROR, Optional.of(message));
    }
  }

  private List<List<Logits>> decode(List<ScheduledChunk> step) {
    if (++steps % stepsToRetry == 0) {
      active.blocks().retryMemory();
    }
    stepSequences += step.size();
    stepTokens += step.stream().mapToInt(ScheduledChunk::known).sum();
    long start = speculator.now();
    List<List<Logits>> rows = decoder.step(step.stream().map(ScheduledChunk::chunk).toList());
    speculator.measured(step, start);
    if (rows.size() != step.size()) {
      throw new IllegalStateException(
          "bug in the decoder: expected the rows of %d chunks, got %d"
              .formatted(step.size(), rows.size()));
    }
    return rows;
  }

  /** Returns the indexes in a step of the sequences at fault; empty if none is known. */
  private static Set<Integer> culprits(List<ScheduledChunk> step, Throwable e) {
    Set<Integer> known = new TreeSet<>();
    if (e instanceof StepFailedException failure) {
      known.addAll(failure.failed());
    } else if (e instanceof ChunkRefusedException refusal) {
      known.add(refusal.chunk());
    }
    known.removeIf(index -> index < 0 || index >= step.size());
    return known.isEmpty() && step.size() == 1 ? Set.of(0) : known;
  }

  private void releaseEmpty(ScheduledChunk scheduled) {
    scheduled.sequence().releaseEmpty(active.blocks());
  }

  /**
   * Excludes the blocks that have no memory. A request fails only if it would not fit in memory
   * even by itself.
   */
  private void shrink(List<ScheduledChunk> batch, KvMemoryException e) {
    batch.forEach(this::releaseEmpty);
    active.blocks().withoutMemory(e.blocks());
    for (ScheduledChunk scheduled : batch) {
      ActiveSequence sequence = scheduled.sequence();
      if (sequence.exceedsMemory(active.blocks(), scheduled.known())) {
        end(sequence, Finish.Reason.ERROR, Optional.of(message(e)));
      }
    }
  }

  private void postprocess(List<ScheduledChunk> batch, List<List<Logits>> rows) {
    for (int i = 0; i < batch.size(); i++) {
      ScheduledChunk scheduled = batch.get(i);
      ActiveSequence sequence = scheduled.sequence();
      try {
        Optional<Finish.Reason> ended = sequence.advance(active.blocks(), scheduled, rows.get(i));
        count(scheduled, sequence.held());
        ended.ifPresent(reason -> end(sequence, reason, Optional.empty()));
      } catch (RuntimeException | Error e) {
        logger.error("a generation failed after its step", e);
        end(sequence, Finish.Reason.ERROR, Optional.of(message(e)));
      }
    }
  }

  private void count(ScheduledChunk scheduled, int held) {
    if (scheduled.predicted() > 0) {
      int right = held - scheduled.chunk().position() - 1;
      speculator.verified(scheduled.predicted(), right);
      stepTokens += right;
    }
  }

  private void end(ActiveSequence sequence, Finish.Reason reason, Optional<String> error) {
    active.remove(sequence);
    publishStats();
    sequence.finish(reason, error);
  }

  /** Ends all running and waiting requests; the queue must be closed. */
  void endAll(Finish.Reason reason, Optional<String> error) {
    for (Submission submission : queue.takeIf(t -> true)) {
      submission.finish(reason, error, 0);
    }
    active.forEach(sequence -> end(sequence, reason, error));
  }

  /** Returns the time until the first deadline of all requests. */
  OptionalLong nanosToDeadline() {
    LongStream.Builder left = LongStream.builder();
    active.forEach(sequence -> sequence.submission().nanosLeft().ifPresent(left));
    queue.nanosToDeadline().ifPresent(left);
    return left.build().min();
  }

  private void publishStats() {
    stats = active.stats(steps, stepTokens, stepSequences, speculator);
  }

  /** Returns the last published state; may be called on any thread. */
  SchedulerStats stats() {
    return stats;
  }

  static String message(Throwable e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
  }
}
