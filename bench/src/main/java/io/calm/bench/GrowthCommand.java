package io.calm.bench;

import io.calm.cli.ArgumentException;
import io.calm.quantize.MemoryLimits;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The command {@code calm bench growth}: measures how speed changes with size. */
@Command(
    name = "growth",
    description = {
      "Measures decodes and prompts over context, number of sequences and model size, with random"
          + " weights. Prints each value and its ratio to a prediction: the time to read weights and"
          + " KV cache at the read limit, plus the time of the multiply-adds at the measured"
          + " peaks."
    })
final class GrowthCommand implements Callable<Integer> {
  /** Part of the available memory that a shape may take. */
  private static final double MEMORY = 0.7;

  private static final double MEBI = 1 << 20;
  private static final int MAX_CONTEXT = 1 << 20;
  private static final int MAX_SEQUENCES = 256;

  @Mixin private BenchOptions bench;

  @Option(
      names = "--shapes",
      split = ",",
      paramLabel = "NAME",
      defaultValue = "smollm2-135m,llama-1b,llama-3b,llama-8b",
      description = "Shapes, separated by commas. Default: ${DEFAULT-VALUE}.")
  private List<String> shapes;

  @Option(
      names = "--contexts",
      split = ",",
      paramLabel = "N",
      defaultValue = "512,2048,8192,32768",
      description = "Tokens of each sequence. Default: ${DEFAULT-VALUE}.")
  private List<Integer> contexts;

  @Option(
      names = "--sequences",
      split = ",",
      paramLabel = "N",
      defaultValue = "1,2,4,8,16,32",
      description = "Sequences of a decode. Default: ${DEFAULT-VALUE}.")
  private List<Integer> sequences;

  @Option(
      names = "--seconds",
      paramLabel = "N",
      defaultValue = "360",
      description =
          "Time limit; measurements that would exceed it are skipped. Default: ${DEFAULT-VALUE}.")
  private int seconds;

  @Option(
      names = "--memory-mb",
      paramLabel = "N",
      description =
          "Memory for weights and KV cache; measurements that would exceed it are skipped."
              + " Default: 70 %% of the available memory.")
  private @Nullable Integer memoryMb;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    List<Integer> lengths = ascending("--contexts", contexts, MAX_CONTEXT);
    List<Integer> counts = ascending("--sequences", sequences, MAX_SEQUENCES);
    int longest = lengths.get(lengths.size() - 1);
    List<ModelShape> chosen =
        shapes.stream()
            .map(name -> ModelShape.named("--shapes", name).withContext(longest))
            .toList();
    ArgumentException.requirePositive("--seconds", seconds);
    double memory = memory();
    BenchReport report = bench.report(spec.commandLine().getOut());
    Deadline deadline = new Deadline(seconds);
    Machine machine = new Machine(NativeBench.of(bench.variant(), bench.threads()));
    GrowthBench.Setup setup =
        new GrowthBench.Setup(
            bench.variant(),
            bench.threads(),
            machine,
            memory,
            deadline,
            report,
            () -> bench.finish(report));
    report.note(
        "at most %d s and %.1f GB; predicted: reading plus computing at the limits of the machine",
        seconds, memory / 1e9);
    try {
      for (ModelShape shape : chosen) {
        new GrowthBench(shape, setup).run(lengths, counts);
        System.gc(); // the weights are direct buffers
      }
    } finally {
      bench.finish(report);
    }
    report.note("%n%.0f s", deadline.passed());
    return 0;
  }

  private double memory() {
    if (memoryMb == null) {
      return MEMORY * MemoryLimits.available();
    }
    ArgumentException.requirePositive("--memory-mb", memoryMb);
    return memoryMb * MEBI;
  }

  private static List<Integer> ascending(String option, List<Integer> values, int max) {
    for (int value : values) {
      if (value < 1 || value > max) {
        throw new ArgumentException(
            "%s: expected numbers from 1 to %d, got %d".formatted(option, max, value));
      }
    }
    return values.stream().distinct().sorted().toList();
  }
}
