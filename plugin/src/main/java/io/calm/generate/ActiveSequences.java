package io.calm.generate;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The sequences that have started, in order of arrival: those that hold blocks, and those that gave
 * them up for others and wait to come back.
 *
 * <p>The first of all that are not paused can take the blocks of every other one, and what it needs
 * at most was found to fit when it was submitted: so it always goes on, and after it the next; or
 * it ends, where there is memory for fewer blocks than the budget says and it alone needs more.
 * Paused ones give way first, for nobody waits for their tokens. Used by one thread.
 */
final class Roster {
  private static final Comparator<ActiveSequence> BY_ARRIVAL =
      Comparator.comparingLong(sequence -> sequence.ticket().arrival());

  private final SchedulerSettings settings;
  private final RequestQueue queue;
  private final BlockManager blocks;
  private final List<ActiveSequence> running = new ArrayList<>();
  private final List<ActiveSequence> preempted = new ArrayList<>();
  private Optional<Refusal> refusal = Optional.empty();
  private long promptTokens;
  private long sharedTokens;
  private long preemptions;

  /**
   * All that it depends on whether a sequence fits.
   *
   * @param arrival of the sequence that did not
   * @param changes of the blocks until then
   * @param promised to others
   */
  private record Refusal(long arrival, long changes, int promised) {}

  Roster(SchedulerSettings settings, RequestQueue queue) {
    this.settings = settings;
    this.queue = queue;
    this.blocks = new BlockManager(settings.blocks());
  }

  BlockManager blocks() {
    return blocks;
  }

  /** Returns the sequences of the next step: a copy, in order of arrival. */
  List<ActiveSequence> runnable() {
    return running.stream()
        .filter(sequence -> !sequence.ticket().paused())
        .limit(settings.maxRunning())
        .toList();
  }

  /** Calls {@code action} for all, which it may remove. */
  void forEach(Consumer<ActiveSequence> action) {
    Stream.concat(running.stream(), preempted.stream()).toList().forEach(action);
  }

  /**
   * Lets in who can run: first those that were preempted, then the queue, in order of arrival, as
   * long as there is room for all tokens that they have.
   */
  void admit() {
    List<ActiveSequence> runnable = runnable();
    int free = settings.maxRunning() - runnable.size();
    int promised = runnable.stream().mapToInt(ActiveSequence::missingBlocks).sum();
    while (free > 0) {
      Optional<ActiveSequence> back =
          preempted.stream().filter(sequence -> !sequence.ticket().paused()).findFirst();
      Optional<Ticket> next = back.isPresent() ? Optional.empty() : queue.first();
      if (back.isEmpty() && next.isEmpty()) {
        return;
      }
      ActiveSequence sequence = back.orElseGet(() -> next.orElseThrow().sequence());
      boolean alone = free == settings.maxRunning();
      if (!alone && !fits(sequence, promised)) {
        return;
      }
      int shared = sequence.admit(blocks);
      preempted.remove(sequence);
      insert(running, sequence);
      if (next.isPresent()) {
        queue.start(next.get());
        next.get().start();
        promptTokens += sequence.scoring() ? 0 : shared + sequence.remaining();
        sharedTokens += shared;
      }
      promised += sequence.missingBlocks();
      free--;
    }
  }

  /** Looks only where something has changed since the last refusal: that may be many steps away. */
  private boolean fits(ActiveSequence sequence, int promised) {
    Refusal now = new Refusal(sequence.ticket().arrival(), blocks.changes(), promised);
    if (refusal.equals(Optional.of(now))) {
      return false;
    }
    boolean fits = sequence.fits(blocks, promised);
    refusal = fits ? Optional.empty() : Optional.of(now);
    return fits;
  }

  /**
   * Makes room for a sequence's next tokens, if need be by taking the blocks of those that came
   * last.
   *
   * @return false if the sequence came last itself and had to give up its own
   */
  boolean reserve(ActiveSequence sequence, int tokens) {
    while (!sequence.reserve(blocks, tokens)) {
      ActiveSequence victim = victim();
      victim.release(blocks);
      running.remove(victim);
      insert(preempted, victim);
      preemptions++;
      if (victim == sequence) {
        return false;
      }
    }
    return true;
  }

  private ActiveSequence victim() {
    for (int i = running.size() - 1; i >= 0; i--) {
      if (running.get(i).ticket().paused()) {
        return running.get(i);
      }
    }
    return running.get(running.size() - 1);
  }

  private static void insert(List<ActiveSequence> list, ActiveSequence sequence) {
    list.add(sequence);
    list.sort(BY_ARRIVAL);
  }

  /** Takes a sequence out and frees its blocks. */
  void remove(ActiveSequence sequence) {
    running.remove(sequence);
    preempted.remove(sequence);
    sequence.release(blocks);
    queue.ended();
  }

  /** Returns what there is, the steps and the queue left to others. */
  SchedulerStats stats(long steps, long stepTokens) {
    return new SchedulerStats(
        running.size(),
        preempted.size(),
        blocks.blocks(),
        blocks.used(),
        blocks.cached(),
        promptTokens,
        sharedTokens,
        preemptions,
        steps,
        stepTokens);
  }
}
