package io.calm.checkpoint.gguf;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.GenerationDefaults;
import io.calm.checkpoint.SourceFiles;
import io.calm.checkpoint.storage.ModelTensors;
import io.calm.checkpoint.storage.RowOrder;
import io.calm.checkpoint.storage.StoredCheckpoint;
import io.calm.checkpoint.template.ChatTemplateLoader;
import io.calm.checkpoint.tokenizer.TokenizerLoader;
import io.calm.model.ModelSpec;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.OptionalInt;

/** Opens models in GGUF files. */
public final class GgufCheckpoint {
  private GgufCheckpoint() {}

  /**
   * Opens and validates a model file.
   *
   * @param probeTokenizer whether a child process tries the tokenizer before its first use
   * @throws io.calm.checkpoint.CheckpointException if it cannot be used
   */
  public static Checkpoint open(Path path, boolean probeTokenizer) {
    GgufFile gguf = GgufFile.open(path);
    ModelSpec spec = GgufSpec.read(gguf);
    RowOrder rotaryRows =
        spec.architecture().equals(GgufSpec.LLAMA)
            ? new RowOrder.InterleavedPairs(spec.headDim())
            : RowOrder.AS_STORED;
    ModelTensors tensors =
        new ModelTensors(spec, GgufTensorNames.INSTANCE, gguf.tensors(), rotaryRows, 0);
    Map<String, Object> metadata = gguf.metadata();
    return new StoredCheckpoint(
        tensors,
        List.of(gguf.stamp()),
        new SourceFiles.Gguf(metadata),
        generationDefaults(new GgufKeys(gguf), spec.vocabulary()),
        () -> TokenizerLoader.fromGguf(metadata, probeTokenizer),
        () -> ChatTemplateLoader.fromGguf(metadata));
  }

  private static GenerationDefaults generationDefaults(GgufKeys keys, int vocabulary) {
    return new GenerationDefaults(
        GgufEndTokens.id(keys, "bos", vocabulary),
        GgufEndTokens.read(keys, vocabulary),
        OptionalDouble.empty(),
        OptionalDouble.empty(),
        OptionalInt.empty(),
        OptionalDouble.empty(),
        OptionalDouble.empty());
  }
}
