package io.calm.export.gguf;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.SourceFiles;
import io.calm.checkpoint.gguf.GgufTensorNames;
import io.calm.checkpoint.template.ChatTemplateLoader;
import io.calm.checkpoint.tokenizer.GgufTokenizerMetadata;
import io.calm.export.ExportException;
import io.calm.export.ExportOutput;
import io.calm.export.ExportProgress;
import io.calm.export.ExportedModel;
import io.calm.export.Exporter;
import io.calm.export.Provenance;
import io.calm.export.TensorSteps;
import io.calm.model.ModelSpec;
import io.calm.text.Printable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes a model as one GGUF file, which llama.cpp loads. Blocks and an int4 lm_head are exact.
 *
 * @param tables type of int8 tables
 */
public record GgufExporter(GgufTables tables) implements Exporter {
  private static final Logger logger = LoggerFactory.getLogger(GgufExporter.class);
  private static final int MOSTLY_Q4_1 = 3;
  private static final int QUANTIZATION_VERSION = 2;
  private static final String GENERAL = "general.";

  /** Keys of a source file that describe its own weights. */
  private static final Set<String> OF_WEIGHTS =
      Set.of(
          "general.alignment",
          "general.architecture",
          "general.file_type",
          "general.quantization_version",
          "general.type");

  @Override
  public ExportOutput.Kind output() {
    return ExportOutput.Kind.FILE;
  }

  @Override
  public void requireSupported(Checkpoint checkpoint) {
    GgufArchitecture.requireSupported(checkpoint.spec());
    general(checkpoint).forEach(GgufExporter::requireEncodable);
    tokenizer(checkpoint).forEach(GgufExporter::requireEncodable);
  }

  /**
   * Requires a value that {@link GgufMetadata} has a type for: a source may have lists of lists.
   */
  static void requireEncodable(String key, Object value) {
    if (value instanceof List<?> list && list.stream().anyMatch(List.class::isInstance)) {
      throw ExportException.refused(
          "gguf: key " + Printable.of(key),
          "a value or a list of values",
          "a list of lists",
          "remove the key from the source file, or export with --format safetensors");
    }
  }

  @Override
  public void write(ExportedModel model, Path out, ExportProgress progress) throws IOException {
    GgufArchitecture.requireSupported(model.spec());
    progress.at("tokenizer", 0, 1);
    GgufMetadata metadata = metadata(model);
    List<GgufTensor> tensors = new GgufTensors(model, tables).all();
    GgufWriter.write(
        out,
        metadata,
        tensors,
        new TensorSteps(GgufTensorNames.INSTANCE, model.spec().layers(), progress)::at);
    warnOfWindow(model.spec());
  }

  private static GgufMetadata metadata(ExportedModel model) {
    GgufMetadata metadata = new GgufMetadata();
    metadata
        .put("general.architecture", GgufArchitecture.architecture(model.spec()))
        .put("general.type", "model")
        .put("general.name", model.name());
    general(model.checkpoint()).forEach(metadata::put);
    metadata
        .put("general.file_type", MOSTLY_Q4_1)
        .put("general.quantization_version", QUANTIZATION_VERSION);
    GgufArchitecture.put(model.spec(), metadata);
    tokenizer(model.checkpoint()).forEach(metadata::put);
    Provenance provenance = model.provenance();
    provenance.values().forEach(metadata::put);
    metadata.put("calm.plan", provenance.planJson());
    return metadata;
  }

  /** Returns the keys of a GGUF source that describe the model, e.g. its license. */
  private static Map<String, Object> general(Checkpoint checkpoint) {
    Map<String, Object> keys = new LinkedHashMap<>();
    if (checkpoint.source() instanceof SourceFiles.Gguf gguf) {
      gguf.metadata().entrySet().stream()
          .filter(pair -> pair.getKey().startsWith(GENERAL) && !OF_WEIGHTS.contains(pair.getKey()))
          .forEach(pair -> keys.put(pair.getKey(), pair.getValue()));
    }
    return keys;
  }

  /** Returns the keys of tokenizer and chat template. */
  private static Map<String, Object> tokenizer(Checkpoint checkpoint) {
    if (checkpoint.source() instanceof SourceFiles.Gguf gguf) {
      Map<String, Object> keys = new LinkedHashMap<>();
      gguf.metadata()
          .forEach(
              (key, value) -> {
                if (key.startsWith("tokenizer.")) {
                  keys.put(key, value);
                }
              });
      return keys;
    }
    Path directory = ((SourceFiles.Directory) checkpoint.source()).directory();
    Map<String, Object> keys =
        new LinkedHashMap<>(
            GgufTokenizerMetadata.of(
                directory,
                checkpoint.spec().vocabulary(),
                checkpoint.generationDefaults(),
                checkpoint.tokenizer()));
    ChatTemplateLoader.textOf(directory)
        .ifPresent(template -> keys.put("tokenizer.chat_template", template));
    return keys;
  }

  private static void warnOfWindow(ModelSpec spec) {
    if (GgufArchitecture.context(spec) < spec.maxContext()) {
      logger.warn(
          "the file's context is {} tokens, the attention window, instead of {}: llama.cpp has no"
              + " window for this architecture",
          GgufArchitecture.context(spec),
          spec.maxContext());
    }
  }
}
