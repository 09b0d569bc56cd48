package io.calm.cli;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.checkpoint.safetensors.SafetensorsWriter;
import io.calm.model.ModelSpec;
import io.calm.tensor.Matrix;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The command {@code calm logits}: writes the logits of a token sequence to a safetensors file. */
@Command(
    name = "logits",
    description = "Writes the logits [T, V] (float32, tensor \"logits\") of a token sequence.")
final class LogitsCommand implements Callable<Integer> {
  @Mixin private ModelMixin model;

  @Option(
      names = "--tokens",
      required = true,
      split = ",",
      paramLabel = "ID",
      description = "Token ids, e.g. 1,2,3.")
  private List<Integer> tokens;

  @Option(
      names = "--precision",
      defaultValue = "calm",
      description = "reference, calm, or an algorithm for a uniform plan. Default: calm.")
  private String precision;

  @Option(names = "--out", required = true, paramLabel = "FILE", description = "File to write.")
  private Path out;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    for (int token : tokens) {
      if (token < 0) {
        throw new ArgumentException(
            ("--tokens: expected token ids of 0 or more, got %d; ./calm tokenize prints those of a"
                    + " text")
                .formatted(token));
      }
    }
    OutputFile.require("--out", out);
    Precision chosen = Precision.of(precision, Optional.empty());
    ModelMixin.Resolved resolved = chosen.resolve(model);
    try (Checkpoint checkpoint = Checkpoints.open(resolved.checkpoint())) {
      requireTokens(checkpoint.spec());
    }
    try (Precision.Opened opened = chosen.open(resolved, activity -> {});
        Matrix logits = Matrix.allocate(tokens.size(), opened.logits().vocabulary())) {
      int[] ids = tokens.stream().mapToInt(Integer::intValue).toArray();
      opened.logits().run(ids, logits::writeRow);
      OutputFile.write(
          "--out",
          out,
          stream -> SafetensorsWriter.write(stream, new TreeMap<>(Map.of("logits", logits))));
      spec.commandLine()
          .getOut()
          .printf("%s: logits %s written to %s%n", opened.variant(), logits, out);
      spec.commandLine().getOut().flush();
    }
    return 0;
  }

  /** Refuses tokens that the model cannot take, before it is quantized for them. */
  private void requireTokens(ModelSpec spec) {
    if (tokens.size() > spec.maxContext()) {
      throw new IllegalArgumentException(
          "--tokens: expected at most %d token ids, the model's context, got %d; leave some out"
              .formatted(spec.maxContext(), tokens.size()));
    }
    for (int token : tokens) {
      if (token >= spec.vocabulary()) {
        throw new IllegalArgumentException(
            ("--tokens: expected token ids 0 to %d, got %d; ./calm tokenize prints the ids of a"
                    + " text for this model")
                .formatted(spec.vocabulary() - 1, token));
      }
    }
  }
}
