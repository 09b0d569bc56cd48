package io.calm.cli;

import io.calm.artifact.Artifact;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.cli.terminal.ExportLine;
import io.calm.cli.terminal.ProgressBar;
import io.calm.export.ExportException;
import io.calm.export.ExportOutput;
import io.calm.export.ExportedModel;
import io.calm.export.Exporter;
import io.calm.export.SourceStamps;
import io.calm.export.gguf.GgufExporter;
import io.calm.export.gguf.GgufTables;
import io.calm.export.safetensors.SafetensorsExporter;
import io.calm.export.safetensors.WeightType;
import io.calm.quantize.QuantizedModelStore;
import io.calm.text.Printable;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The command {@code calm export}: writes a quantized model in the format of another engine. */
@Command(
    name = "export",
    description = {
      "Writes a quantized model in the format of another engine. A precision without an"
          + " artifact is quantized first.",
      "The output appears when it is complete. An existing file or directory is not replaced."
    })
final class ExportCommand implements Callable<Integer> {
  private static final String INTERRUPTED = "interrupted: nothing was written to ";

  /** The formats of {@code --format}. */
  enum Format {
    GGUF,
    ONNX,
    SAFETENSORS
  }

  @Mixin private ModelMixin model;

  @Option(
      names = "--format",
      required = true,
      paramLabel = "FORMAT",
      description = "One of ${COMPLETION-CANDIDATES}.")
  private Format format;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "PATH",
      description = "File or directory to make.")
  private Path out;

  @Option(
      names = "--precision",
      defaultValue = Precision.CALM,
      description =
          "calm, or a uniform plan: rtn, gptq, awq, smoothquant, awq+gptq, ..."
              + " Default: ${DEFAULT-VALUE}.")
  private String precision;

  @Option(
      names = "--dtype",
      paramLabel = "TYPE",
      description =
          "For safetensors, the weights: bf16 (default) or f32, which is exact. For gguf, int8"
              + " tables: q8_0 (default), f16, or f32, which is exact.")
  private @Nullable String dtype;

  @Mixin private OnnxMixin onnx;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws Exception {
    Exporter exporter = exporter();
    ExportOutput.requireFree(out);
    ModelMixin.Resolved resolved = model.resolve(overrides());
    try (Checkpoint checkpoint = Checkpoints.open(resolved.checkpoint())) {
      SourceStamps source = SourceStamps.of(checkpoint);
      exporter.requireSupported(checkpoint);
      try (Artifact artifact = quantized(resolved, checkpoint)) {
        write(exporter, new ExportedModel(resolved.name(), checkpoint, artifact), source);
        spec.commandLine().getOut().printf("%s: %s%n", artifact.plan().served(), out);
        spec.commandLine().getOut().flush();
        exporter.notes().forEach(note -> spec.commandLine().getErr().println("calm: " + note));
      }
    }
    return 0;
  }

  private void write(Exporter exporter, ExportedModel exported, SourceStamps source)
      throws IOException {
    try (ExportOutput output = ExportOutput.open(out, exporter.output());
        ExportLine progress = ExportLine.open()) {
      exporter.write(
          exported,
          output.path(),
          (step, done, total) -> {
            if (Thread.currentThread().isInterrupted()) {
              throw new ExportException(INTERRUPTED + out);
            }
            progress.at(step, done, total);
          });
      source.requireUnchanged();
      progress.at("to disk", 0, 1);
      output.publish();
    } catch (ClosedByInterruptException e) {
      throw new ExportException(INTERRUPTED + out, e);
    } catch (IOException e) {
      throw OutputFile.failure("--out", out, e);
    }
  }

  private Exporter exporter() {
    if (format != Format.ONNX) {
      onnx.requireNone(lowerCase(format.name()));
    }
    return switch (format) {
      case GGUF -> new GgufExporter(dtype(GgufTables.class, GgufTables.Q8_0));
      case ONNX -> onnx();
      case SAFETENSORS -> new SafetensorsExporter(dtype(WeightType.class, WeightType.BF16));
    };
  }

  private Exporter onnx() {
    if (dtype != null) {
      throw new ArgumentException(
          "--dtype: expected --format gguf or safetensors, got onnx; leave it out");
    }
    return onnx.exporter();
  }

  private <T extends Enum<T>> T dtype(Class<T> type, T automatic) {
    if (dtype == null) {
      return automatic;
    }
    return Arrays.stream(type.getEnumConstants())
        .filter(constant -> constant.name().equalsIgnoreCase(dtype))
        .findFirst()
        .orElseThrow(
            () ->
                new ArgumentException(
                    "--dtype: expected one of %s with --format %s, got %s"
                        .formatted(
                            lowerCase(Arrays.toString(type.getEnumConstants())),
                            lowerCase(format.name()),
                            Printable.of(dtype))));
  }

  private static String lowerCase(String text) {
    return text.toLowerCase(Locale.ROOT);
  }

  private Map<String, String> overrides() {
    if (precision.equals(Precision.REFERENCE)) {
      throw new ArgumentException(
          "--precision: expected calm or an algorithm, got reference, which is not quantized;"
              + " use the checkpoint itself");
    }
    return precision.equals(Precision.CALM) ? Map.of() : Map.of("calm.algorithm", precision);
  }

  private static Artifact quantized(ModelMixin.Resolved resolved, Checkpoint checkpoint) {
    try (ProgressBar bar = ProgressBar.open()) {
      return new QuantizedModelStore(resolved.settings()).get(checkpoint, bar);
    }
  }
}
