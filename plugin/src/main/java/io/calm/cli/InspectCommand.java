package io.calm.cli;

import io.calm.artifact.Artifact;
import io.calm.artifact.PlanJson;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Checkpoints;
import io.calm.quantize.QuantizedModelStore;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The command {@code calm inspect}: prints the plan of a quantized model. */
@Command(
    name = "inspect",
    description = "Prints the chosen algorithm and every score of each block of a quantized model.")
final class InspectCommand implements Callable<Integer> {
  @Mixin private ModelMixin model;

  @Option(names = "--json", description = "The whole plan as JSON.")
  private boolean json;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    ModelMixin.Resolved resolved = model.resolve();
    PrintWriter out = spec.commandLine().getOut();
    try (Checkpoint checkpoint = Checkpoints.open(resolved.checkpoint())) {
      Artifact artifact =
          new QuantizedModelStore(resolved.settings())
              .find(checkpoint)
              .orElseThrow(
                  () ->
                      new IllegalArgumentException(
                          ("%s: no finished artifact for these settings; make one with: calm"
                                  + " quantize %s")
                              .formatted(resolved.checkpoint(), resolved.checkpoint())));
      if (json) {
        out.println(PlanJson.write(artifact.plan()));
      } else {
        PlanTable.lines(artifact.plan()).forEach(out::println);
        out.println(PlanTable.summary(artifact.plan()));
        out.println(artifact.directory());
      }
      out.flush();
    }
    return 0;
  }
}
