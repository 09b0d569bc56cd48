package io.calm.cli;

import io.calm.artifact.Artifact;
import io.calm.artifact.PlanJson;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.quantize.QuantizedModelStore;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The command {@code calm inspect}: the plan of a quantized model, block by block. */
@Command(
    name = "inspect",
    description = "Prints the chosen algorithm and every score of each block of a quantized model.")
final class InspectCommand implements Callable<Integer> {
  @Mixin private ModelMixin model;

  @Option(names = "--json", description = "The whole plan as JSON.")
  private boolean json;

  @Option(
      names = "--svg",
      paramLabel = "FILE",
      description =
          "Also draws the served algorithm of each block, and what the others would lose, as an SVG"
              + " file.")
  private @Nullable Path svg;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    if (svg != null) {
      OutputFile.require("--svg", svg);
    }
    ModelMixin.Resolved resolved = model.resolve();
    PrintWriter out = spec.commandLine().getOut();
    try (Checkpoint checkpoint = Checkpoints.open(resolved.checkpoint())) {
      QuantizedModelStore store = new QuantizedModelStore(resolved.settings());
      Artifact artifact = model.finished(store, resolved.checkpoint(), checkpoint);
      if (svg != null) {
        OutputFile.write("--svg", svg, PlanSvg.draw(artifact.plan(), resolved.name()));
      }
      if (json) {
        out.println(PlanJson.write(artifact.plan()));
      } else {
        PlanTable.lines(artifact.plan()).forEach(out::println);
        out.println(PlanTable.summary(artifact.plan()));
        out.println(artifact.directory());
        out.println(BaselineLine.of(store.baseline(checkpoint, artifact)));
      }
      out.flush();
    }
    return 0;
  }
}
