package io.calm.bench;

import io.calm.bench.BenchReport.Subject;
import io.calm.kernels.KernelVariant;
import io.calm.model.QuantizedModel;
import io.calm.runtime.KvType;
import io.calm.runtime.NativeDecoder;
import java.io.IOException;
import java.util.List;

/**
 * Measures decodes beside a busy process and with more threads than processors, in turns with
 * decodes of a quiet machine.
 */
final class NeighboursBench {
  private static final String QUIET = "quiet";
  private static final String BUSY = "busy-process";
  private static final int CONTEXT = 128;
  private static final List<Integer> FACTORS = List.of(2, 4);
  private static final double NANOS = 1e9;

  private final KernelVariant variant;
  private final int threads;
  private final double seconds;
  private final BenchReport report;

  /**
   * @param seconds of one measure
   */
  NeighboursBench(KernelVariant variant, int threads, double seconds, BenchReport report) {
    this.variant = variant;
    this.threads = threads;
    this.seconds = seconds;
    this.report = report;
  }

  /** Returns the seconds of all measures of one shape, without the creation of its weights. */
  static double expectedSeconds(int rounds, double seconds) {
    return (rounds + 1) * (2 + FACTORS.size()) * seconds;
  }

  /** Measures one shape. */
  void run(ModelShape shape, BusyProcess busy, int rounds)
      throws IOException, InterruptedException {
    QuantizedModel model = RandomModel.of(shape.spec(), RandomModel.Head.INT4, 3);
    try (GrowthSteps own = steps(model, threads);
        GrowthSteps twice = steps(model, FACTORS.get(0) * threads);
        GrowthSteps four = steps(model, FACTORS.get(1) * threads)) {
      Rounds.Results results =
          new Rounds()
              .add(QUIET, () -> rate(own))
              .add(BUSY, () -> besideBusy(busy, own))
              .add(name(FACTORS.get(0)), () -> rate(twice))
              .add(name(FACTORS.get(1)), () -> rate(four))
              .run(rounds);
      Series quiet = results.get(QUIET);
      report.note("%s: %.1f tokens/s quiet", shape.name(), quiet.median());
      for (String name : List.of(BUSY, name(FACTORS.get(0)), name(FACTORS.get(1)))) {
        Series values = results.get(name);
        report.add(
            new Subject("neighbours", shape.name() + "/" + name, "tokens/s", QUIET),
            values,
            values.over(quiet));
      }
    }
  }

  private String name(int factor) {
    return "threads=%d".formatted(factor * threads);
  }

  private GrowthSteps steps(QuantizedModel model, int count) {
    return new GrowthSteps(
        new NativeDecoder(
            variant, model, KvType.FLOAT16, count, CONTEXT / NativeDecoder.BLOCK_TOKENS));
  }

  private double besideBusy(BusyProcess busy, GrowthSteps steps) throws IOException {
    busy.spin();
    try {
      return rate(steps);
    } finally {
      busy.sleep();
    }
  }

  /** Returns the tokens per second of decodes of one sequence. */
  private double rate(GrowthSteps steps) {
    Runnable step = steps.decode(CONTEXT, 1);
    step.run();
    long start = System.nanoTime();
    int count = 0;
    double passed;
    do {
      step.run();
      count++;
      passed = (System.nanoTime() - start) / NANOS;
    } while (passed < seconds);
    return count / passed;
  }
}
