package io.calm.bench;

import io.calm.artifact.Artifact;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.cli.ArgumentException;
import io.calm.cli.ModelMixin;
import io.calm.cli.terminal.ProgressBar;
import io.calm.model.QuantizedModel;
import io.calm.quantize.QuantizedModelStore;
import io.calm.runtime.CopiedModel;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.tensor.Lifetime;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The command {@code calm bench speculate}: measures prompt lookup against plain decoding. */
@Command(
    name = "speculate",
    description = {
      "Measures calm.speculate=lookup against off: one model answers the same prompts"
          + " alternately with and without lookup: edited code, quotations, a story, and random"
          + " tokens. Rates count decoding only. Fails if an answer differs.",
      "A plan without an artifact is made first."
    })
final class SpeculateCommand implements Callable<Integer> {
  @Mixin private ModelMixin model;
  @Mixin private BenchOptions bench;

  @Option(
      names = "--rounds",
      paramLabel = "N",
      defaultValue = "2",
      description = "Rounds of alternating measurements. Default: ${DEFAULT-VALUE}.")
  private int rounds;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      defaultValue = "8",
      description = "Maximum predicted tokens per step. Default: ${DEFAULT-VALUE}.")
  private int tokens;

  @Option(
      names = "--answer",
      paramLabel = "N",
      defaultValue = "192",
      description = "Maximum tokens per answer. Default: ${DEFAULT-VALUE}.")
  private int answer;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    ArgumentException.requirePositive("--rounds", rounds);
    ArgumentException.requirePositive("--tokens", tokens);
    ArgumentException.requirePositive("--answer", answer);
    ModelMixin.Resolved resolved = model.resolve();
    BenchReport report = bench.report(spec.commandLine().getOut());
    try (Checkpoint checkpoint = Checkpoints.open(resolved.checkpoint())) {
      List<SpeculatePrompt> prompts = SpeculatePrompt.all(checkpoint, answer);
      requireContext(prompts, checkpoint.spec().maxContext());
      int blocks = 2 * SpeculateBench.blocks(prompts);
      try (Decoder decoder = decoder(resolved, checkpoint, blocks);
          SpeculateBench measurement = new SpeculateBench(decoder, prompts, tokens)) {
        report.note("%s, median of %d rounds", resolved.name(), rounds);
        measurement.run(rounds, resolved.name(), report);
      }
    } finally {
      bench.finish(report);
    }
    return 0;
  }

  private void requireContext(List<SpeculatePrompt> prompts, int maxContext) {
    int longest = prompts.stream().mapToInt(prompt -> prompt.tokens().length).max().orElse(0);
    if (answer > maxContext - longest) {
      throw new IllegalArgumentException(
          ("--answer: expected at most %d tokens, the model's context without the longest prompt,"
                  + " got %d")
              .formatted(maxContext - longest, answer));
    }
  }

  @SuppressWarnings("try")
  private Decoder decoder(ModelMixin.Resolved resolved, Checkpoint checkpoint, int blocks)
      throws IOException, InterruptedException {
    try (ProgressBar bar = ProgressBar.open();
        Artifact artifact = new QuantizedModelStore(resolved.settings()).get(checkpoint, bar)) {
      QuantizedModel weights = CopiedModel.of(artifact.model());
      try (Lifetime held = weights.lifetime()) { // until the decoder has its lease
        return Decoders.open(
            weights,
            new Decoders.Settings(
                bench.kernel(), resolved.settings().decoder().kvCache(), bench.threads()),
            blocks);
      }
    }
  }
}
