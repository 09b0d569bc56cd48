package io.calm.cli;

import io.calm.artifact.Artifact;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Checkpoints;
import io.calm.cli.bench.BenchReport;
import io.calm.cli.bench.PlacedModel;
import io.calm.cli.bench.PlanComparison;
import io.calm.cli.terminal.ProgressBar;
import io.calm.quantize.QuantizedModelStore;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.search.QuantPlan;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code calm bench compare}. */
@Command(
    name = "compare",
    description = {
      "Measures the mix against a uniform plan of the same model: decodes and prompts in the order"
          + " mix, uniform, uniform, mix on the same tokens.",
      "A plan that has no finished artifact is made first."
    })
final class BenchCompareCommand implements Callable<Integer> {
  private static final int DECODES_PER_PROMPT = 10;

  @Mixin private ModelMixin model;
  @Mixin private BenchMixin bench;

  @Option(
      names = "--baseline",
      required = true,
      paramLabel = "ALGORITHM",
      description = "Of the uniform plan: rtn, gptq, awq, smoothquant, ...")
  private String baseline;

  @Option(
      names = "--steps",
      paramLabel = "N",
      defaultValue = "400",
      description =
          "Fours of decodes; a tenth as many of prompts of 256 tokens. Default: ${DEFAULT-VALUE}.")
  private int steps;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    if (steps < DECODES_PER_PROMPT) {
      throw new IllegalArgumentException(
          "--steps: expected at least %d, got %d".formatted(DECODES_PER_PROMPT, steps));
    }
    String name = model.resolve().name();
    Artifact mix = artifact(Map.of());
    Artifact uniform = artifact(Map.of("calm.algorithm", baseline));
    String variant = mix.plan().served();
    BenchReport report = bench.report(spec.commandLine().getOut());
    report.note("%s (%s) against %s", name, variant, QuantPlan.uniform(baseline));
    try (Decoder ofMix = decoder(mix);
        Decoder ofUniform = decoder(uniform)) {
      PlanComparison comparison = new PlanComparison(ofMix, ofUniform);
      String against = QuantPlan.uniform(baseline);
      comparison.decode(steps).report(report, name + "/decode", variant, against);
      comparison
          .prefill(steps / DECODES_PER_PROMPT)
          .report(report, name + "/prefill", variant, against);
    } finally {
      bench.finish(report);
    }
    return 0;
  }

  private Artifact artifact(Map<String, String> forced) throws IOException, InterruptedException {
    ModelMixin.Resolved resolved = model.resolve(forced);
    try (Checkpoint checkpoint = Checkpoints.open(resolved.checkpoint());
        ProgressBar bar = ProgressBar.open()) {
      return new QuantizedModelStore(resolved.settings()).get(checkpoint, bar);
    }
  }

  private Decoder decoder(Artifact artifact) throws IOException, InterruptedException {
    return Decoders.open(
        PlacedModel.of(artifact.model()),
        new Decoders.Settings(
            bench.kernel(), model.resolve().settings().decoder().kvCache(), bench.threads()),
        PlanComparison.BLOCKS);
  }
}
