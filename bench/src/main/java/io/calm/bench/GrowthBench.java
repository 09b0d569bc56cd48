package io.calm.bench;

import io.calm.bench.BenchReport.Subject;
import io.calm.bench.GrowthTable.Cell;
import io.calm.kernels.KernelVariant;
import io.calm.model.ModelSpec;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.runtime.KvType;
import io.calm.runtime.NativeDecoder;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Measures how decodes and prompts of one shape grow with context and sequences, beside predictions
 * from the limits of the machine.
 */
final class GrowthBench {
  private static final int SAMPLES = 3;
  private static final double SAMPLE_SECONDS = 0.1;
  private static final int PROMPT = 256;

  /** Part of the predicted speed that a step reaches, for the expected time of a cell. */
  private static final double EXPECTED = 0.6;

  private static final double LIMITS_SECONDS = 0.5;
  private static final double NEW_BYTES_PER_SECOND = 1e9;
  private static final double GIGA = 1e9;
  private static final int KIBI = 1024;

  private final ModelShape shape;
  private final ModelSpec spec;
  private final Setup setup;
  private final BenchReport report;
  private final double kvBytesPerToken;
  private StepWork.Limits limits;

  /**
   * The conditions that all shapes share.
   *
   * @param memory bytes of weights, keys and values that a shape may take
   * @param saved called after every row of a table
   */
  record Setup(
      KernelVariant variant,
      int threads,
      Machine machine,
      double memory,
      Deadline deadline,
      BenchReport report,
      Saved saved) {

    StepWork.Limits limits() {
      return new StepWork.Limits(
          machine.readBandwidth(), machine.integerPeak(), machine.floatPeak());
    }
  }

  /** Keeps the figures so far. */
  @FunctionalInterface
  interface Saved {
    void run() throws IOException;
  }

  GrowthBench(ModelShape shape, Setup setup) {
    this.shape = shape;
    this.spec = shape.spec();
    this.setup = setup;
    this.report = setup.report();
    this.kvBytesPerToken =
        (double)
                Decoders.blockBytes(
                    spec,
                    new Decoders.Settings(setup.variant().name(), KvType.FLOAT16, setup.threads()))
            / Decoder.BLOCK_TOKENS;
    this.limits = setup.limits();
  }

  /**
   * Measures all cells that fit into memory and time.
   *
   * @param contexts ascending
   * @param sequences ascending
   */
  void run(List<Integer> contexts, List<Integer> sequences) throws IOException {
    report.note(
        "%n%s: %.2f G weights, %.2f GB read by each step, %.0f KiB of keys and values per token;"
            + " about %.0f s",
        shape.name(),
        StepWork.parameters(spec) / GIGA,
        StepWork.weightBytes(spec) / GIGA,
        kvBytesPerToken / KIBI,
        expectedSeconds(contexts, sequences));
    long least = (long) contexts.get(0) * sequences.get(0);
    if (!fits(least)) {
      report.note(
          "  skipped: it needs %.1f GB of memory and may take %.1f GB (--memory-mb)",
          memory(least) / GIGA, setup.memory() / GIGA);
      return;
    }
    if (!setup.deadline().allows(weightSeconds())) {
      report.note("  skipped: no time is left of --seconds %.0f", setup.deadline().seconds());
      return;
    }
    try (GrowthSteps steps =
        new GrowthSteps(
            new NativeDecoder(
                setup.variant(),
                RandomModel.of(spec, RandomModel.Head.INT4, 3),
                KvType.FLOAT16,
                setup.threads(),
                maxBlocks(contexts, sequences)))) {
      decodes(steps, contexts, sequences);
      prompts(steps, contexts);
    }
  }

  private void decodes(GrowthSteps steps, List<Integer> contexts, List<Integer> sequences)
      throws IOException {
    GrowthTable table = new GrowthTable();
    StringBuilder head = new StringBuilder("  decode, tokens/s (measured / predicted)\n  context");
    sequences.forEach(count -> head.append(String.format(Locale.ROOT, "%16d", count)));
    report.note("%s", head);
    List<String> left = new ArrayList<>();
    for (int context : contexts) {
      StringBuilder line = new StringBuilder(String.format(Locale.ROOT, "  %7d", context));
      for (int count : sequences) {
        StepWork work = StepWork.decode(spec, kvBytesPerToken, context, count);
        double newBytes =
            Math.max(0, count * Decoder.blocksFor(context) - steps.usedBlocks())
                * (double) Decoder.BLOCK_TOKENS
                * kvBytesPerToken;
        boolean measured =
            fits((long) context * count)
                && setup.deadline().allows(cellSeconds(work) + newBytes / NEW_BYTES_PER_SECOND);
        if (measured) {
          Cell cell = cell(context + "x" + count, work, count, steps.decode(context, count));
          table.add(cell);
          add("decode", "/context=%d/sequences=%d".formatted(context, count), cell);
          line.append(String.format(Locale.ROOT, "%10.1f %5.2f", cell.rate(), cell.ratio()));
        } else {
          line.append(String.format(Locale.ROOT, "%16s", "-"));
          left.add(context + "x" + count);
        }
      }
      report.note("%s", line);
      setup.saved().run();
    }
    summarize(table, left);
  }

  private void prompts(GrowthSteps steps, List<Integer> contexts) throws IOException {
    if (limits.products() == 0) {
      report.note("  no prompts: the peak of kernel %s is unknown", setup.variant().name());
      return;
    }
    GrowthTable table = new GrowthTable();
    report.note("  prefill, tokens/s (measured / predicted), of the last %d tokens", PROMPT);
    List<String> left = new ArrayList<>();
    for (int context : contexts) {
      int tokens = Math.min(PROMPT, context);
      StepWork work = StepWork.prefill(spec, kvBytesPerToken, context, tokens);
      if (fits(context) && setup.deadline().allows(cellSeconds(work))) {
        Cell cell = cell("" + context, work, tokens, steps.prompt(context, tokens));
        table.add(cell);
        add("prefill", "/context=%d".formatted(context), cell);
        report.note("  %7d%10.1f %5.2f", context, cell.rate(), cell.ratio());
      } else {
        left.add("" + context);
      }
      setup.saved().run();
    }
    summarize(table, left);
  }

  /** Times a step, after one that does not count. */
  private Cell cell(String name, StepWork work, int rows, Runnable step) {
    step.run();
    limits = setup.limits();
    List<Double> samples = new ArrayList<>();
    for (int sample = 0; sample < SAMPLES; sample++) {
      long start = System.nanoTime();
      int steps = 0;
      double seconds;
      do {
        step.run();
        steps++;
        seconds = (System.nanoTime() - start) / GIGA;
      } while (seconds < SAMPLE_SECONDS);
      samples.add(seconds / steps);
    }
    return new Cell(name, rows, new Series(samples).median(), work.seconds(limits));
  }

  private void add(String name, String suffix, Cell cell) {
    report.record(
        new Subject(name, shape.name() + suffix, "tokens/s", "model"), cell.rate(), cell.ratio());
  }

  private void summarize(GrowthTable table, List<String> left) {
    if (!table.isEmpty()) {
      table.summary().forEach(line -> report.note("  %s", line));
    }
    if (!left.isEmpty()) {
      report.note(
          "  not measured, because it exceeds %.1f GB (--memory-mb) or %.0f s (--seconds): %s",
          setup.memory() / GIGA, setup.deadline().seconds(), String.join(", ", left));
    }
  }

  private double memory(long tokens) {
    return StepWork.modelBytes(spec) + tokens * kvBytesPerToken;
  }

  private boolean fits(long tokens) {
    return memory(tokens) <= setup.memory();
  }

  private int maxBlocks(List<Integer> contexts, List<Integer> sequences) {
    int blocks = 1;
    for (int context : contexts) {
      for (int count : sequences) {
        if (fits((long) context * count)) {
          blocks = Math.max(blocks, count * Decoder.blocksFor(context));
        }
      }
    }
    return blocks;
  }

  private double weightSeconds() {
    return StepWork.modelBytes(spec) / NEW_BYTES_PER_SECOND;
  }

  private double cellSeconds(StepWork work) {
    double step = work.seconds(limits).sum() / EXPECTED;
    return LIMITS_SECONDS + step + SAMPLES * Math.max(step, SAMPLE_SECONDS);
  }

  private double expectedSeconds(List<Integer> contexts, List<Integer> sequences) {
    double seconds = weightSeconds();
    double tokens = (double) maxBlocks(contexts, sequences) * Decoder.BLOCK_TOKENS;
    seconds += tokens * kvBytesPerToken / NEW_BYTES_PER_SECOND;
    for (int context : contexts) {
      for (int count : sequences) {
        if (fits((long) context * count)) {
          seconds += cellSeconds(StepWork.decode(spec, kvBytesPerToken, context, count));
        }
      }
      int prompt = Math.min(PROMPT, context);
      seconds += cellSeconds(StepWork.prefill(spec, kvBytesPerToken, context, prompt));
    }
    return seconds;
  }
}
