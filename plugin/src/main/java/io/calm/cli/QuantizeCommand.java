package io.calm.cli;

import io.calm.artifact.Artifact;
import io.calm.artifact.SearchPhases;
import io.calm.checkpoint.ChatTemplate;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Tokenizer;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.cli.terminal.ProgressBar;
import io.calm.quantize.QuantizedModelStore;
import io.calm.quantize.SearchHeap;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** The command {@code calm quantize}: quantizes a model without serving it. */
@Command(
    name = "quantize",
    description = "Quantizes a model and caches the result for the other commands.")
final class QuantizeCommand implements Callable<Integer> {
  @Mixin private ModelMixin model;
  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    ModelMixin.Resolved resolved = model.resolve();
    QuantizedModelStore store = new QuantizedModelStore(resolved.settings());
    PrintWriter out = spec.commandLine().getOut();
    try (Checkpoint checkpoint = Checkpoints.open(resolved.checkpoint())) {
      requireServable(store, checkpoint); // before the work
      SearchHeap.prepare(checkpoint.spec(), store.layout(checkpoint), resolved.settings());
      Optional<Artifact> finished = store.find(checkpoint);
      Artifact artifact = finished.isPresent() ? finished.get() : make(store, checkpoint);
      out.println(PlanTable.summary(artifact.plan()));
      out.printf(
          "%s%s, %d MiB%n",
          finished.isPresent() ? "was finished before: " : "",
          artifact.directory(),
          artifact.sizeInBytes() >> 20);
      SearchPhases.find(resolved.settings().loading().cacheDir(), artifact.key())
          .filter(phases -> phases.peakBytes() > 0)
          .ifPresent(phases -> out.println(peak(phases)));
      out.println(BaselineLine.of(store.baseline(checkpoint, artifact)));
      out.flush();
    }
    return 0;
  }

  /**
   * Refuses a model whose chat template or tokenizer serving would refuse. The cache remembers that
   * a tokenizer can be built, since that takes half as long as all else with a cached result.
   */
  private static void requireServable(QuantizedModelStore store, Checkpoint checkpoint) {
    Optional<ChatTemplate> unusedTemplate = checkpoint.chatTemplate();
    boolean unusedYes =
        store
            .answers()
            .get(
                "tokenizer can be built",
                checkpoint.stamps(),
                () -> {
                  Tokenizer unusedTokenizer = checkpoint.tokenizer(); // kept for a calibration
                  return true;
                });
  }

  private static String peak(SearchPhases phases) {
    return String.format(Locale.ROOT, "peak memory %.1f GB", phases.peakBytes() / 1e9);
  }

  private static Artifact make(QuantizedModelStore store, Checkpoint checkpoint) {
    try (ProgressBar bar = ProgressBar.open()) {
      return store.get(checkpoint, bar);
    }
  }
}
