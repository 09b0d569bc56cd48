package io.calm.bench;

import io.calm.bench.BenchReport.Subject;
import io.calm.compare.Deviation;
import io.calm.compare.PairedSteps;
import io.calm.compare.ProbeRow;
import io.calm.compare.StepShape;
import io.calm.runtime.Decoder;
import java.util.List;
import java.util.Locale;

/** Compares the mix with a uniform plan of the same model in one process, by paired steps. */
public final class PlanComparison {
  private static final StepShape DECODE = StepShape.decode(1);
  private static final StepShape PREFILL = StepShape.prefill(1, 256);

  /** Groups of four steps from which there is an interval: it resamples rounds of two groups. */
  private static final int MIN_GROUPS = 8;

  /** KV blocks that each decoder must have. */
  public static final int BLOCKS = StepShape.blocks(List.of(DECODE, PREFILL));

  private final PairedSteps steps;

  /**
   * Creates a comparison.
   *
   * @param mix both decoders of the same topology; closed by the caller
   */
  public PlanComparison(Decoder mix, Decoder uniform) {
    this.steps = new PairedSteps(mix, uniform, System::nanoTime, System.nanoTime());
  }

  /**
   * The latencies of a number of steps.
   *
   * @param mixMillis median of a step of the mix
   * @param uniformMillis median of a step of the uniform plan
   * @param deviation its bounds are NaN after too few steps for an interval
   */
  public record Outcome(double mixMillis, double uniformMillis, Deviation deviation) {
    /** Adds both latencies and the deviation with its interval to a report. */
    public void report(BenchReport report, String shape, String variant, String baseline) {
      double ratio = 1 + deviation.percent() / 100;
      row(report, shape, "ms", baseline, mixMillis, ratio);
      row(report, shape, "ms", variant, uniformMillis, 1 / ratio);
      row(report, shape, "%", baseline, deviation.percent(), ratio);
      boolean hasInterval = Double.isFinite(deviation.low());
      if (hasInterval) {
        row(report, shape, "% (low)", baseline, deviation.low(), 1 + deviation.low() / 100);
        row(report, shape, "% (high)", baseline, deviation.high(), 1 + deviation.high() / 100);
      }
      report.note(
          "%s: %s %.4f ms, %s %.4f ms, deviation %+.3f %% (%s)",
          shape,
          variant,
          mixMillis,
          baseline,
          uniformMillis,
          deviation.percent(),
          hasInterval
              ? String.format(
                  Locale.ROOT,
                  "95 %% interval %+.3f to %+.3f %%",
                  deviation.low(),
                  deviation.high())
              : "no interval: fewer than %d groups of steps".formatted(MIN_GROUPS));
    }

    private static void row(
        BenchReport report, String shape, String unit, String against, double value, double ratio) {
      report.record(new Subject("compare", shape, unit, against), value, ratio);
    }
  }

  /** Compares decodes of one token, {@code fours} times two each. */
  public Outcome decode(int fours) {
    return compare(DECODE, fours);
  }

  /** Compares prompts of 256 tokens, {@code fours} times two each. */
  public Outcome prefill(int fours) {
    return compare(PREFILL, fours);
  }

  private Outcome compare(StepShape shape, int fours) {
    PairedSteps.Limits limits = PairedSteps.Limits.exactly((fours + 1) / 2); // a round is two
    ProbeRow row = steps.measure(shape, limits, () -> false).row().orElseThrow();
    Deviation measured = row.deviation();
    Deviation deviation =
        fours < MIN_GROUPS ? new Deviation(measured.percent(), Double.NaN, Double.NaN) : measured;
    return new Outcome(row.served().p50(), row.uniform().p50(), deviation);
  }
}
