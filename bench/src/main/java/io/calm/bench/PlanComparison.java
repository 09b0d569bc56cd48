package io.calm.bench;

import io.calm.bench.BenchReport.Subject;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Wanted;
import io.calm.runtime.DecoderSequences;
import io.calm.runtime.DecoderSequences.Sequence;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Compares the mix with a uniform plan of the same model in one process. Steps run in the order
 * mix, uniform, uniform, mix on the same tokens at the same positions, so that neither drift nor
 * the state of the caches favours one.
 */
public final class PlanComparison {
  private static final int WARM_UP = 5;
  private static final int CONTEXT = 64;
  private static final int DECODES_PER_SEQUENCE = 256;
  private static final int PROMPT = 256;
  private static final double NANOS_PER_MILLI = 1e6;

  /** KV blocks that each decoder must have. */
  public static final int BLOCKS =
      Decoder.blocksFor(CONTEXT + DECODES_PER_SEQUENCE) + Decoder.blocksFor(PROMPT);

  private final Decoder mix;
  private final Decoder uniform;
  private final DecoderSequences mixSequences;
  private final DecoderSequences uniformSequences;
  private final SplittableRandom random = new SplittableRandom(10);

  /**
   * @param mix both decoders of the same topology; closed by the caller
   */
  public PlanComparison(Decoder mix, Decoder uniform) {
    this.mix = mix;
    this.uniform = uniform;
    this.mixSequences = new DecoderSequences(mix);
    this.uniformSequences = new DecoderSequences(uniform);
  }

  /**
   * The latencies of a number of steps.
   *
   * @param mixMillis median of a step of the mix
   * @param uniformMillis median of a step of the uniform plan
   */
  public record Outcome(double mixMillis, double uniformMillis, Deviation deviation) {
    /** Adds both latencies and the deviation with its interval to a report. */
    public void report(BenchReport report, String shape, String variant, String baseline) {
      double ratio = 1 + deviation.percent() / 100;
      row(report, shape, "ms", baseline, mixMillis, ratio);
      row(report, shape, "ms", variant, uniformMillis, 1 / ratio);
      row(report, shape, "%", baseline, deviation.percent(), ratio);
      row(report, shape, "% (low)", baseline, deviation.low(), 1 + deviation.low() / 100);
      row(report, shape, "% (high)", baseline, deviation.high(), 1 + deviation.high() / 100);
      report.note(
          "%s: %s %.4f ms, %s %.4f ms, deviation %+.3f %% (95 %% interval %+.3f to %+.3f %%)",
          shape,
          variant,
          mixMillis,
          baseline,
          uniformMillis,
          deviation.percent(),
          deviation.low(),
          deviation.high());
    }

    private static void row(
        BenchReport report, String shape, String unit, String against, double value, double ratio) {
      report.record(new Subject("compare", shape, unit, against), value, ratio);
    }
  }

  /** A kind of step. Returns the nanoseconds of the step {@code number}, 0 or 1, of one plan. */
  private interface Step {
    long nanos(boolean ofMix, int number);
  }

  /** Compares decodes of one token, {@code fours} times two each. */
  public Outcome decode(int fours) {
    try (Pair pair = new Pair()) {
      return compare(fours, pair::prepare, pair::step);
    }
  }

  /** Compares prompts of 256 tokens, {@code fours} times two each. */
  public Outcome prefill(int fours) {
    List<int[]> prompts = new ArrayList<>();
    return compare(
        fours,
        () -> {
          prompts.clear();
          prompts.add(tokens(PROMPT));
          prompts.add(tokens(PROMPT));
        },
        (ofMix, number) -> {
          Decoder decoder = ofMix ? mix : uniform;
          try (Sequence sequence = (ofMix ? mixSequences : uniformSequences).open()) {
            return nanos(decoder, sequence.append(prompts.get(number), Wanted.LAST));
          }
        });
  }

  private static Outcome compare(int fours, Runnable prepare, Step step) {
    double[] mixMillis = new double[fours];
    double[] uniformMillis = new double[fours];
    for (int four = -WARM_UP; four < fours; four++) {
      prepare.run();
      long ofMix = step.nanos(true, 0);
      long ofUniform = step.nanos(false, 0) + step.nanos(false, 1);
      ofMix += step.nanos(true, 1);
      if (four >= 0) {
        mixMillis[four] = ofMix / 2.0 / NANOS_PER_MILLI;
        uniformMillis[four] = ofUniform / 2.0 / NANOS_PER_MILLI;
      }
    }
    return new Outcome(
        Deviation.median(mixMillis),
        Deviation.median(uniformMillis),
        Deviation.of(mixMillis, uniformMillis, 11));
  }

  private int[] tokens(int count) {
    return random.ints(count, 0, mix.spec().vocabulary()).toArray();
  }

  private static long nanos(Decoder decoder, Chunk chunk) {
    List<Chunk> step = List.of(chunk);
    long start = System.nanoTime();
    decoder.step(step);
    return System.nanoTime() - start;
  }

  /** A sequence of the same tokens in each decoder. */
  private final class Pair implements AutoCloseable {
    private final int length =
        Math.min(CONTEXT + DECODES_PER_SEQUENCE, mix.spec().maxContext()) / 2 * 2;
    private final Sequence ofMix = mixSequences.open();
    private final Sequence ofUniform = uniformSequences.open();
    private int[] next = new int[0];

    /** Prepares the sequences for two more tokens and draws them. */
    void prepare() {
      if (ofMix.length() == 0 || ofMix.length() + 2 > length) {
        close();
        int[] context = tokens(Math.min(CONTEXT, length / 2 / 2 * 2));
        mix.step(List.of(ofMix.append(context, Wanted.NONE)));
        uniform.step(List.of(ofUniform.append(context, Wanted.NONE)));
      }
      next = tokens(2);
    }

    long step(boolean mixes, int number) {
      int[] token = {next[number]};
      return mixes
          ? nanos(mix, ofMix.append(token, Wanted.LAST))
          : nanos(uniform, ofUniform.append(token, Wanted.LAST));
    }

    @Override
    public void close() {
      ofMix.close();
      ofUniform.close();
    }
  }
}
