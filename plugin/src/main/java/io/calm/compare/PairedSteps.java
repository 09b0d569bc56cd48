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
 * Paired measurement of the step time of two decoders of the same topology. Steps run in fours:
 * served, uniform, uniform, served, on the same tokens at the same positions, so that neither drift
 * nor the state of the caches favors one. Not thread safe.
 */
public final class PairedSteps {
  private static final int WARM_UP = 5;
  private static final int FIRST_CHECK = 32;
  private static final int MAX_OVERTIME = 4;

  private final Side served;
  private final Side uniform;
  private final LongSupplier nanoClock;
  private final SplittableRandom random = new SplittableRandom(10);

  /**
   * Creates a measurement.
   *
   * @param served both decoders have no other user; the caller closes them
   * @param nanoClock monotonic clock in nanoseconds
   */
  public PairedSteps(Decoder served, Decoder uniform, LongSupplier nanoClock) {
    this.served = new Side(served);
    this.uniform = new Side(uniform);
    this.nanoClock = nanoClock;
  }

  /**
   * The end of a measurement.
   *
   * @param minFours number of fours that a result needs
   * @param maxFours number of fours at which it ends
   * @param time time at which it ends if it has as many fours as a result needs; four times as
   *     long at most
   * @param halfWidth half-width of the interval, in percent, at which it ends
   */
  public record Limits(int minFours, int maxFours, Duration time, double halfWidth) {
    /** Returns limits of exactly {@code fours} fours, whatever they take. */
    public static Limits exactly(int fours) {
      return new Limits(fours, fours, Duration.ofDays(1), -1);
    }
  }

  /** The result for a shape, and whether it ended early because the processor was needed. */
  public record Outcome(Optional<ProbeRow> row, boolean stopped) {}

  /** Ends a measurement between two steps. */
  private static final class StoppedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    StoppedException() {
      super("stopped", null, false, false);
    }
  }

  /**
   * Measures one shape.
   *
   * @param busy asked before every step; true ends the measurement
   */
  public Outcome measure(StepShape shape, Limits limits, BooleanSupplier busy) {
    Fours fours = new Fours(shape, limits);
    long start = nanoClock.getAsLong();
    boolean stopped = false;
    try (Pair pair = new Pair(shape, busy)) {
      for (int four = -WARM_UP; !fours.complete(nanoClock.getAsLong() - start); four++) {
        pair.prepare();
        long first = pair.step(served, 0);
        long second = pair.step(uniform, 0);
        long third = pair.step(uniform, 1);
        long fourth = pair.step(served, 1);
        if (four >= 0) {
          fours.add(first, second, third, fourth);
        }
      }
    } catch (StoppedException e) {
      stopped = true;
    }
    return new Outcome(fours.row(), stopped);
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
    private int[][][] next = {};

    Pair(StepShape shape, BooleanSupplier busy) {
      int context = served.decoder.spec().maxContext();
      this.shape = shape;
      this.busy = busy;
      this.length = Math.min(StepShape.DECODED, context) / 2 * 2;
      this.tokens = Math.min(shape.tokens(), context);
    }

    /** Draws the tokens of the next two steps and makes the sequences ready for them. */
    void prepare() {
      boolean full =
          served.sequences.isEmpty() || served.sequences.get(0).length() + 2 > length;
      if (shape.phase() == Phase.DECODE && full) {
        served.open(shape.sequences());
        uniform.open(shape.sequences());
        int context = Math.min(StepShape.CONTEXT, length / 2 / 2 * 2);
        for (int i = 0; i < shape.sequences(); i++) {
          int[] prompt = draw(context);
          for (Side side : List.of(served, uniform)) {
            nanos(side, List.of(side.sequences.get(i).append(prompt, Wanted.NONE)));
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

    /** Returns the nanoseconds of step {@code number}, 0 or 1, of one side. */
    long step(Side side, int number) {
      if (shape.phase() == Phase.PREFILL) {
        side.open(shape.sequences());
      }
      List<Chunk> chunks = new ArrayList<>();
      for (int i = 0; i < shape.sequences(); i++) {
        chunks.add(side.sequences.get(i).append(next[number][i], Wanted.LAST));
      }
      return nanos(side, chunks);
    }

    private long nanos(Side side, List<Chunk> chunks) {
      if (busy.getAsBoolean()) {
        throw new StoppedException();
      }
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
  private static final class Fours {
    private static final double NANOS_PER_MILLI = 1e6;
    private static final int SEED = 11;

    private final StepShape shape;
    private final Limits limits;
    private final List<Double> served = new ArrayList<>();
    private final List<Double> uniform = new ArrayList<>();
    private int nextCheck = FIRST_CHECK;
    private boolean narrow;

    Fours(StepShape shape, Limits limits) {
      this.shape = shape;
      this.limits = limits;
    }

    void add(long first, long second, long third, long fourth) {
      served.add(first / NANOS_PER_MILLI);
      uniform.add(second / NANOS_PER_MILLI);
      uniform.add(third / NANOS_PER_MILLI);
      served.add(fourth / NANOS_PER_MILLI);
      if (limits.halfWidth() > 0 && count() >= nextCheck) {
        nextCheck += nextCheck / 2;
        narrow =
            Deviation.coarse(paired(served), paired(uniform), SEED).halfWidth()
                <= limits.halfWidth();
      }
    }

    private int count() {
      return served.size() / 2;
    }

    boolean complete(long nanos) {
      boolean enough = count() >= limits.minFours();
      return count() >= limits.maxFours()
          || (enough && (narrow || nanos >= limits.time().toNanos()))
          || nanos / MAX_OVERTIME >= limits.time().toNanos();
    }

    Optional<ProbeRow> row() {
      return count() < limits.minFours()
          ? Optional.empty()
          : Optional.of(
              new ProbeRow(
                  shape.phase(),
                  shape.sequences(),
                  2 * count(),
                  Quantiles.of(all(served)),
                  Quantiles.of(all(uniform)),
                  Deviation.of(paired(served), paired(uniform), SEED)));
    }

    private static double[] all(List<Double> millis) {
      return millis.stream().mapToDouble(Double::doubleValue).toArray();
    }

    /** Returns the mean of the two steps of each four. */
    private static double[] paired(List<Double> millis) {
      double[] means = new double[millis.size() / 2];
      for (int i = 0; i < means.length; i++) {
        means[i] = (millis.get(2 * i) + millis.get(2 * i + 1)) / 2;
      }
      return means;
    }
  }
}
