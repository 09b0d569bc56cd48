package io.calm.compare;

import io.calm.compare.StepShape.Phase;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Wanted;
import io.calm.runtime.DecoderSequences;
import io.calm.runtime.DecoderSequences.Sequence;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import java.util.stream.Stream;

/**
 * Paired measurement of the step time of two decoders of the same topology. Steps run in rounds of
 * eight: the fours A B B A and B A A B in random order, where A is the served plan and B its
 * uniform twin. The steps of a four run on the same tokens at the same positions. Drift favors
 * neither within a four, and the first place of a four, with the caches as the preparation left
 * them, neither within a round. A disturbance that recurs at a fixed interval favors neither
 * because of the random order. Not thread safe.
 */
public final class PairedSteps {
  private static final int FIRST_CHECK = 32;
  private static final int MAX_OVERTIME = 4;
  private static final int MAX_PREPARATION = 8;

  private final Side served;
  private final Side uniform;
  private final LongSupplier nanoClock;
  private final SplittableRandom random;

  /**
   * Creates a measurement.
   *
   * @param served both decoders have no other user; the caller closes them
   * @param nanoClock monotonic clock in nanoseconds
   * @param seed seed of tokens and orders. Several measurements of one comparison need different
   *     seeds: an order that repeats can favor one side by a quarter of a percent.
   */
  public PairedSteps(Decoder served, Decoder uniform, LongSupplier nanoClock, long seed) {
    this.served = new Side(served);
    this.uniform = new Side(uniform);
    this.nanoClock = nanoClock;
    this.random = new SplittableRandom(seed);
  }

  /**
   * The end of a measurement.
   *
   * @param minRounds number of rounds that a result needs
   * @param maxRounds number of rounds at which it ends
   * @param time time of steps at which it ends if it has as many rounds as a result needs; four
   *     times as long at most. The prompts before decodes do not count; they may take eight times
   *     as long
   * @param halfWidth half-width of the interval, in percent, at which it ends
   */
  public record Limits(int minRounds, int maxRounds, Duration time, double halfWidth) {
    /** Returns limits of exactly {@code rounds} rounds, whatever they take. */
    public static Limits exactly(int rounds) {
      return new Limits(rounds, rounds, Duration.ofDays(1), -1);
    }
  }

  /** The result for a shape. */
  public static final class Outcome {
    private final Optional<PairedTimes> times;
    private final boolean stopped;

    private Outcome(Optional<PairedTimes> times, boolean stopped) {
      this.times = times;
      this.stopped = stopped;
    }

    Optional<PairedTimes> times() {
      return times;
    }

    /**
     * Returns the result, with the interval of these steps on these decoders; empty if there are
     * too few steps.
     */
    public Optional<ProbeRow> row() {
      return times.map(ProbeRow::ofRounds);
    }

    /** Returns whether the measurement ended early because the processor was needed. */
    public boolean stopped() {
      return stopped;
    }
  }

  /** The end of a measurement whose prompts take too long. */
  private static final class TooSlowException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    TooSlowException() {
      super("too slow", null, false, false);
    }
  }

  /**
   * Measures one shape.
   *
   * @param busy asked before every step; true ends the measurement
   */
  public Outcome measure(StepShape shape, Limits limits, BooleanSupplier busy) {
    Rounds rounds = new Rounds(shape, limits);
    boolean stopped = false;
    try (Pair pair = new Pair(shape, limits, busy)) {
      pair.warmUp();
      while (!rounds.complete(pair.stepNanos)) {
        long[] ofServed = new long[PairedTimes.STEPS];
        long[] ofUniform = new long[PairedTimes.STEPS];
        boolean servedFirst = random.nextBoolean();
        for (boolean servedOuter : new boolean[] {servedFirst, !servedFirst}) {
          if (servedOuter) {
            pair.four(served, ofServed, uniform, ofUniform, 0);
          } else {
            pair.four(uniform, ofUniform, served, ofServed, PairedTimes.STEPS / 2);
          }
        }
        rounds.add(ofServed, ofUniform);
      }
    } catch (StoppedException e) {
      stopped = true;
    } catch (TooSlowException e) {
      return new Outcome(rounds.times(), false);
    }
    return new Outcome(rounds.times(), stopped);
  }

  /** A decoder with its sequences. */
  private static final class Side {
    final Decoder decoder;
    final DecoderSequences allocator;
    final List<Sequence> sequences = new ArrayList<>();

    Side(Decoder decoder) {
      this.decoder = decoder;
      this.allocator = new DecoderSequences(decoder);
    }

    void open(int count) {
      close();
      for (int i = 0; i < count; i++) {
        sequences.add(allocator.open());
      }
    }

    void close() {
      sequences.forEach(Sequence::close);
      sequences.clear();
    }
  }

  /** The same sequences in both decoders. */
  private final class Pair implements AutoCloseable {
    private final StepShape shape;
    private final BooleanSupplier busy;
    private final int length;
    private final int tokens;
    private final long maxPromptNanos;
    private int[][][] next = {};
    private long promptNanos;
    private long stepNanos;

    Pair(StepShape shape, Limits limits, BooleanSupplier busy) {
      int context = served.decoder.spec().maxContext();
      this.maxPromptNanos = MAX_PREPARATION * limits.time().toNanos();
      this.shape = shape;
      this.busy = busy;
      this.length = Math.min(StepShape.DECODED, context) / 2 * 2;
      this.tokens = Math.min(shape.tokens(), context);
    }

    /** Draws the tokens of the next two steps and makes the sequences ready for them. */
    private void prepare() {
      boolean full = served.sequences.isEmpty() || served.sequences.get(0).length() + 2 > length;
      if (shape.phase() == Phase.DECODE && full) {
        served.open(shape.sequences());
        uniform.open(shape.sequences());
        int context = Math.min(StepShape.CONTEXT, length / 2 / 2 * 2);
        for (int i = 0; i < shape.sequences(); i++) {
          int[] prompt = draw(context);
          boolean servedFirst = random.nextBoolean();
          for (Side side : servedFirst ? List.of(served, uniform) : List.of(uniform, served)) {
            promptNanos += nanos(side, List.of(side.sequences.get(i).append(prompt, Wanted.NONE)));
            if (promptNanos >= maxPromptNanos) {
              throw new TooSlowException();
            }
          }
        }
      }
      next = Stream.generate(this::drawStep).limit(2).toArray(int[][][]::new);
    }

    private int[][] drawStep() {
      return Stream.generate(() -> draw(tokens)).limit(shape.sequences()).toArray(int[][]::new);
    }

    private int[] draw(int count) {
      return random.ints(count, 0, served.decoder.spec().vocabulary()).toArray();
    }

    /** Runs a four whose times are not kept: the first use of memory, and of code at the start. */
    void warmUp() {
      four(served, new long[2], uniform, new long[2], 0);
    }

    /** Runs a four, and writes the nanoseconds of its steps after {@code from}. */
    void four(Side outer, long[] ofOuter, Side inner, long[] ofInner, int from) {
      prepare();
      ofOuter[from] = step(outer, 0);
      ofInner[from] = step(inner, 0);
      ofInner[from + 1] = step(inner, 1);
      ofOuter[from + 1] = step(outer, 1);
    }

    private long step(Side side, int number) {
      if (shape.phase() == Phase.PREFILL) {
        side.open(shape.sequences());
      }
      List<Chunk> chunks = new ArrayList<>();
      for (int i = 0; i < shape.sequences(); i++) {
        chunks.add(side.sequences.get(i).append(next[number][i], Wanted.LAST));
      }
      long nanos = nanos(side, chunks);
      stepNanos += nanos;
      return nanos;
    }

    private long nanos(Side side, List<Chunk> chunks) {
      StoppedException.throwIf(busy);
      long start = nanoClock.getAsLong();
      side.decoder.step(chunks);
      return nanoClock.getAsLong() - start;
    }

    @Override
    public void close() {
      served.close();
      uniform.close();
    }
  }

  /** The times measured so far. */
  private static final class Rounds {
    private static final double NANOS_PER_MILLI = 1e6;

    private final StepShape shape;
    private final Limits limits;
    private final List<Double> served = new ArrayList<>();
    private final List<Double> uniform = new ArrayList<>();
    private int nextCheck = FIRST_CHECK;
    private boolean narrow;

    Rounds(StepShape shape, Limits limits) {
      this.shape = shape;
      this.limits = limits;
    }

    void add(long[] ofServed, long[] ofUniform) {
      for (int i = 0; i < ofServed.length; i++) {
        served.add(ofServed[i] / NANOS_PER_MILLI);
        uniform.add(ofUniform[i] / NANOS_PER_MILLI);
      }
      if (limits.halfWidth() > 0 && count() >= nextCheck) {
        nextCheck += nextCheck / 2;
        narrow = all().coarse().halfWidth() <= limits.halfWidth();
      }
    }

    private int count() {
      return served.size() / PairedTimes.STEPS;
    }

    private PairedTimes all() {
      return new PairedTimes(shape, served, uniform);
    }

    boolean complete(long nanos) {
      boolean enough = count() >= limits.minRounds();
      return count() >= limits.maxRounds()
          || (enough && (narrow || nanos >= limits.time().toNanos()))
          || nanos / MAX_OVERTIME >= limits.time().toNanos();
    }

    Optional<PairedTimes> times() {
      return count() < limits.minRounds() ? Optional.empty() : Optional.of(all());
    }
  }
}
