package io.calm.generate;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.stream.Stream;

/**
 * The sequences that have started, in order of arrival: running ones, which hold blocks, and
 * preempted ones. Admits and preempts.
 *
 * <p>The oldest sequence that is not paused always makes progress. It can preempt every other
 * sequence, and its maximum number of blocks was checked against the budget at submission. It fails
 * only if memory is short of the budget and it would not fit even by itself. Paused sequences are
 * preempted first, since their clients are not reading; for an admission, only they are. Confined
 * to the scheduler's thread.
 */
final class ActiveSequences {
  private static final Comparator<ActiveSequence> BY_ARRIVAL =
      Comparator.comparingLong(sequence -> sequence.submission().arrival());

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
   * A failed admission, with the inputs that decided it.
   *
   * @param arrival arrival number of the sequence
   * @param changes value of {@link BlockManager#changes}
   * @param promised number of blocks promised to running sequences
   * @param paused number of blocks held by paused sequences alone
   */
  private record Refusal(long arrival, long changes, int promised, int paused) {}

  ActiveSequences(SchedulerSettings settings, RequestQueue queue) {
    this.settings = settings;
    this.queue = queue;
    this.blocks = new BlockManager(settings.blocks());
  }

  BlockManager blocks() {
    return blocks;
  }

  /** Returns a copy of the sequences that may be in the next step, in order of arrival. */
  List<ActiveSequence> runnable() {
    return running.stream()
        .filter(sequence -> !sequence.submission().paused())
        .limit(settings.maxRunning())
        .toList();
  }

  /** Calls {@code action} for each sequence; the action may remove the sequence. */
  void forEach(Consumer<ActiveSequence> action) {
    Stream.concat(running.stream(), preempted.stream()).toList().forEach(action);
  }

  /**
   * Admits sequences: preempted ones first, then the queue, in order of arrival, as long as blocks
   * for all their tokens are available or held by paused sequences.
   */
  void admit() {
    List<ActiveSequence> runnable = runnable();
    int free = settings.maxRunning() - runnable.size();
    int promised = promised(runnable);
    while (free > 0) {
      Optional<ActiveSequence> back =
          preempted.stream().filter(sequence -> !sequence.submission().paused()).findFirst();
      Optional<Submission> next = back.isPresent() ? Optional.empty() : queue.first();
      if (back.isEmpty() && next.isEmpty()) {
        return;
      }
      ActiveSequence sequence = back.orElseGet(() -> next.orElseThrow().sequence());
      boolean alone = free == settings.maxRunning();
      if (!alone && !makeSpace(sequence, promised)) {
        return;
      }
      sharedTokens += sequence.admit(blocks);
      preempted.remove(sequence);
      insert(running, sequence);
      if (next.isPresent()) {
        queue.start(next.get());
        next.get().start();
        promptTokens += sequence.scoring() ? 0 : next.get().request().prompt().length;
      }
      promised += sequence.missingBlocks();
      free--;
    }
  }

  /** Takes cached blocks for the tokens that a sequence has not computed. */
  void share(ActiveSequence sequence) {
    sharedTokens += sequence.share(blocks);
  }

  /** Returns the number of blocks that sequences were admitted for and do not have yet. */
  static int promised(List<ActiveSequence> runnable) {
    return runnable.stream()
        .filter(ActiveSequence::admitted)
        .mapToInt(ActiveSequence::missingBlocks)
        .sum();
  }

  /**
   * Checks for space, and preempts the newest paused sequences if it is enough with their blocks.
   * Does nothing if nothing has changed since the last refusal.
   */
  private boolean makeSpace(ActiveSequence sequence, int promised) {
    List<ActiveSequence> paused =
        running.stream().filter(one -> one.submission().paused()).toList();
    int held = blocks.heldOnlyBy(paused.stream().map(ActiveSequence::table).toList());
    long arrival = sequence.submission().arrival();
    Refusal now = new Refusal(arrival, blocks.changes(), promised, held);
    if (refusal.equals(Optional.of(now))) {
      return false;
    }
    boolean fits = sequence.fits(blocks, promised);
    if (!fits && sequence.fits(blocks, promised - held)) {
      for (int i = paused.size() - 1; i >= 0 && !fits; i--) {
        preempt(paused.get(i));
        fits = sequence.fits(blocks, promised); // perhaps not yet: others may share its blocks
      }
    }
    refusal = fits ? Optional.empty() : Optional.of(now);
    return fits;
  }

  /**
   * Reserves blocks for a sequence's next tokens; preempts the newest sequences if necessary.
   *
   * @return false if the sequence itself was preempted
   */
  boolean reserve(ActiveSequence sequence, int tokens) {
    while (!sequence.reserve(blocks, tokens)) {
      ActiveSequence victim = victim();
      preempt(victim);
      if (victim == sequence) {
        return false;
      }
    }
    return true;
  }

  private ActiveSequence victim() {
    for (int i = running.size() - 1; i >= 0; i--) {
      if (running.get(i).submission().paused()) {
        return running.get(i);
      }
    }
    return running.get(running.size() - 1);
  }

  private void preempt(ActiveSequence victim) {
    victim.release(blocks);
    running.remove(victim);
    insert(preempted, victim);
    preemptions++;
  }

  private static void insert(List<ActiveSequence> list, ActiveSequence sequence) {
    list.add(sequence);
    list.sort(BY_ARRIVAL);
  }

  /** Removes a sequence and releases its blocks. */
  void remove(ActiveSequence sequence) {
    running.remove(sequence);
    preempted.remove(sequence);
    sequence.release(blocks);
    queue.ended(sequence.submission());
  }

  /** Returns the statistics, without the requests in the queue. */
  SchedulerStats stats(long steps, long stepTokens, long stepSequences, Speculator speculator) {
    int runningNow = unpaused(running);
    int waiting = unpaused(preempted);
    return new SchedulerStats(
        runningNow,
        waiting,
        running.size() + preempted.size() - runningNow - waiting,
        blocks.blocks(),
        blocks.used(),
        blocks.cached(),
        promptTokens,
        sharedTokens,
        preemptions,
        steps,
        stepTokens,
        stepSequences,
        speculator.proposed(),
        speculator.accepted());
  }

  private static int unpaused(List<ActiveSequence> sequences) {
    return (int) sequences.stream().filter(sequence -> !sequence.submission().paused()).count();
  }
}
