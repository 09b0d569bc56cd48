package io.calm.checkpoint.hf;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.FileCheckCache;
import io.calm.checkpoint.SourceFiles;
import io.calm.checkpoint.storage.CheckpointFile;
import io.calm.checkpoint.storage.ForeignFiles;
import io.calm.checkpoint.storage.ModelTensors;
import io.calm.checkpoint.storage.RowOrder;
import io.calm.checkpoint.storage.StoredCheckpoint;
import io.calm.checkpoint.template.ChatTemplateLoader;
import io.calm.checkpoint.tokenizer.SpecialTokens;
import io.calm.checkpoint.tokenizer.TokenizerLoader;
import io.calm.files.FileStamp;
import io.calm.model.ModelSpec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Opens model directories in the format of Hugging Face transformers. */
public final class HfDirectory {
  /** Name of the file that every model directory has. */
  public static final String CONFIG = "config.json";

  private static final String GENERATION = "generation_config.json";
  private static final List<String> MODEL_FILES = List.of(CONFIG, GENERATION, "tokenizer.json");

  private HfDirectory() {}

  /**
   * Opens and validates a model directory.
   *
   * @param probeTokenizer whether a child process tries the tokenizer before its first use
   * @param checks cache for the checks that read whole tensors
   * @throws io.calm.checkpoint.CheckpointException if it cannot be used
   */
  public static Checkpoint open(Path directory, boolean probeTokenizer, FileCheckCache checks) {
    DirectoryDiagnosis.requireNoAdapter(directory);
    ForeignFiles.requireNone(directory.resolve(CONFIG));
    for (String name : SourceFiles.Directory.READ) {
      ForeignFiles.requireNone(directory.resolve(name));
    }
    List<FileStamp> stamps = new ArrayList<>();
    for (String name : MODEL_FILES) { // read by name, below or on first use
      Path file = directory.resolve(name);
      if (Files.exists(file)) {
        stamps.add(CheckpointFile.stamp(file));
      }
    }
    ConfigFields config = ConfigFields.read(directory.resolve(CONFIG));
    ModelSpec spec = HfSpec.read(config);
    HfWeights weights = HfWeights.open(directory);
    stamps.addAll(weights.stamps());
    HfTiedEmbeddings ties = HfTiedEmbeddings.resolve(spec, weights.table(), checks);
    ModelTensors tensors =
        new ModelTensors(
            ties.spec(),
            ties.names(),
            weights.table(),
            RowOrder.AS_STORED,
            config.integer("num_nextn_predict_layers").orElse(0));
    return new StoredCheckpoint(
        tensors,
        stamps,
        new SourceFiles.Directory(directory),
        HfGeneration.read(
            ConfigFields.readIfPresent(directory.resolve(GENERATION)),
            config,
            SpecialTokens.named(directory),
            spec.vocabulary()),
        () -> TokenizerLoader.fromDirectory(directory, probeTokenizer),
        () -> ChatTemplateLoader.fromDirectory(directory));
  }
}
