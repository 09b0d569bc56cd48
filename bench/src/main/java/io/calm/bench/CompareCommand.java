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
import io.calm.search.QuantPlan;
import io.calm.tensor.Lifetime;
import java.io.IOException;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The command {@code calm bench compare}: measures the mix against a uniform plan. */
@Command(
    name = "compare",
    description = {
      "Measures the mix against a uniform plan of the same model: decodes and prompts in the order"
          + " mix, uniform, uniform, mix on the same tokens. With --weights, measures copied"
          + " weights against mapped ones in the same way.",
      "A plan without an artifact is made first."
    })
final class CompareCommand implements Callable<Integer> {
  private static final int DECODES_PER_PROMPT = 10;

  @Mixin private ModelMixin model;
  @Mixin private BenchOptions bench;

  @ArgGroup(multiplicity = "1")
  private final Sides sides = new Sides();

  /** The other side of the comparison. */
  private static final class Sides {
    @Option(
        names = "--baseline",
        paramLabel = "ALGORITHM",
        description = "Algorithm of the uniform plan: rtn, gptq, awq, smoothquant, ...")
    private String baseline = "";

    @Option(
        names = "--weights",
        description = "Compare weights copied to memory with the artifact's mapped files.")
    private boolean weights;
  }

  @Option(
      names = "--steps",
      paramLabel = "N",
      defaultValue = "400",
      description =
          "Number of groups of four decode steps; a tenth as many groups of 256-token prompts."
              + " Fewer than 8 groups have no interval."
              + " Default: ${DEFAULT-VALUE}.")
  private int steps;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    if (steps < DECODES_PER_PROMPT) {
      throw new ArgumentException(
          "--steps: expected at least %d, got %d".formatted(DECODES_PER_PROMPT, steps));
    }
    // Wrong arguments end the command before a long search.
    ModelMixin.Resolved own = model.resolve();
    ModelMixin.Resolved compared =
        sides.weights ? own : model.resolve(Map.of("calm.algorithm", sides.baseline));
    BenchReport report = bench.report(spec.commandLine().getOut());
    String name = own.name();
    Artifact served = artifact(own);
    Artifact other = artifact(compared);
    String variant = sides.weights ? "copied" : served.plan().served();
    String against = sides.weights ? "mapped" : QuantPlan.uniform(sides.baseline);
    report.note("%s (%s, %s) against %s", name, served.plan().served(), variant, against);
    try (Decoder ofServed = decoder(served, true);
        Decoder ofOther = decoder(other, !sides.weights)) {
      PlanComparison comparison = new PlanComparison(ofServed, ofOther);
      comparison.decode(steps).report(report, name + "/decode", variant, against);
      comparison
          .prefill(steps / DECODES_PER_PROMPT)
          .report(report, name + "/prefill", variant, against);
    } finally {
      bench.finish(report);
    }
    return 0;
  }

  private static Artifact artifact(ModelMixin.Resolved resolved)
      throws IOException, InterruptedException {
    try (Checkpoint checkpoint = Checkpoints.open(resolved.checkpoint());
        ProgressBar bar = ProgressBar.open()) {
      return new QuantizedModelStore(resolved.settings()).get(checkpoint, bar);
    }
  }

  @SuppressWarnings("try")
  private Decoder decoder(Artifact artifact, boolean copied)
      throws IOException, InterruptedException {
    QuantizedModel weights = copied ? CopiedModel.of(artifact.model()) : artifact.model();
    try (artifact;
        Lifetime held = weights.lifetime()) { // until the decoder has its lease
      return Decoders.open(
          weights,
          new Decoders.Settings(
              bench.kernel(), model.resolve().settings().decoder().kvCache(), bench.threads()),
          PlanComparison.BLOCKS);
    }
  }
}
