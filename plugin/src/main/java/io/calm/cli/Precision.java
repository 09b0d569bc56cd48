package io.calm.cli;

import io.calm.artifact.Artifact;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Checkpoints;
import io.calm.cli.eval.DecoderLogits;
import io.calm.cli.eval.LogitSource;
import io.calm.cli.eval.ReferenceLogits;
import io.calm.cli.terminal.ProgressBar;
import io.calm.runtime.Decoders;
import io.calm.serving.load.QuantizedModelStore;
import io.calm.serving.settings.CalmSettings;
import java.io.IOException;
import java.util.Map;

/**
 * What {@code --precision} names: {@code reference}, {@code calm}, or an algorithm of the pool for
 * a uniform plan.
 */
record Precision(String name) {
  private static final String REFERENCE = "reference";
  private static final String CALM = "calm";

  /** A model opened in a precision; closing it closes its files. */
  record Opened(Checkpoint checkpoint, LogitSource logits, String variant)
      implements AutoCloseable {
    @Override
    public void close() {
      logits.close();
      checkpoint.close();
    }
  }

  /** Opens the model, quantizing it first where that has not been done. */
  Opened open(ModelMixin model) throws IOException, InterruptedException {
    ModelMixin.Resolved resolved = model.resolve(overrides());
    CalmSettings settings = resolved.settings();
    Checkpoint checkpoint = Checkpoints.open(resolved.checkpoint());
    if (name.equals(REFERENCE)) {
      return new Opened(
          checkpoint, new ReferenceLogits(checkpoint, settings.threadCount()), REFERENCE);
    }
    try (ProgressBar bar = ProgressBar.open()) {
      Artifact artifact = new QuantizedModelStore(settings).get(checkpoint, bar);
      return new Opened(
          checkpoint,
          new DecoderLogits(Decoders.open(artifact.model(), settings.decoder())),
          artifact.plan().served());
    }
  }

  private Map<String, String> overrides() {
    boolean uniform = !name.equals(REFERENCE) && !name.equals(CALM);
    return uniform ? Map.of("calm.algorithm", name) : Map.of();
  }
}
