package io.calm.checkpoint.open;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.FileCheckCache;
import io.calm.checkpoint.Tokenizer;
import io.calm.checkpoint.gguf.GgufCheckpoint;
import io.calm.checkpoint.gguf.GgufFile;
import io.calm.checkpoint.hf.DirectoryDiagnosis;
import io.calm.checkpoint.hf.HfDirectory;
import io.calm.checkpoint.storage.ForeignFiles;
import io.calm.checkpoint.tokenizer.TokenizerLoader;
import io.calm.files.FileErrors;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** Opens checkpoints of every supported format. */
public final class Checkpoints {
  private Checkpoints() {}

  /**
   * Opens a model: a Hugging Face directory, a .gguf file, or a directory with a single .gguf file.
   * Checks headers and shapes without reading the weights.
   *
   * @throws CheckpointException if the model cannot be used
   */
  public static Checkpoint open(Path path) {
    return open(path, false, FileCheckCache.NONE);
  }

  /**
   * Opens a checkpoint as {@link #open(Path)} does, optionally with a probe of its tokenizer, and
   * with cached results of expensive checks.
   *
   * @param probeTokenizer whether a child process tries the tokenizer before its first use; a
   *     tokenizer that would crash this process is then reported as a {@link CheckpointException}
   * @param checks cache for the checks that read whole tensors
   * @throws CheckpointException if the model cannot be used
   */
  public static Checkpoint open(Path path, boolean probeTokenizer, FileCheckCache checks) {
    Path model = locate(path);
    return Files.isDirectory(model)
        ? HfDirectory.open(model, probeTokenizer, checks)
        : GgufCheckpoint.open(model, probeTokenizer);
  }

  /**
   * Builds only the tokenizer of a model; weights are not needed.
   *
   * @param path a directory with tokenizer.json, or as for {@link #open}
   * @throws CheckpointException if the tokenizer is missing or not supported
   */
  public static Tokenizer openTokenizer(Path path) {
    ForeignFiles.requireNone(path.resolve("tokenizer.json"));
    if (Files.exists(path.resolve("tokenizer.json"))) {
      return TokenizerLoader.fromDirectory(path);
    }
    Path model = locate(path);
    return Files.isDirectory(model)
        ? TokenizerLoader.fromDirectory(model)
        : TokenizerLoader.fromGguf(GgufFile.open(model).metadata());
  }

  private static Path locate(Path path) {
    if (!Files.isDirectory(path)) {
      if (isGguf(path) || !Files.exists(path)) {
        return path;
      }
      ForeignFiles.requireNone(path);
      throw CheckpointException.refused(
          path.toString(),
          "a model directory or a .gguf file",
          "a file of another kind",
          "pass the directory that contains config.json");
    }
    if (Files.exists(path.resolve(HfDirectory.CONFIG))) {
      return path;
    }
    if (Files.isSymbolicLink(path.resolve(HfDirectory.CONFIG))) {
      ForeignFiles.requireNone(path.resolve(HfDirectory.CONFIG));
    }
    List<Path> ggufs = ggufs(path);
    if (ggufs.size() == 1) {
      return ggufs.get(0);
    }
    throw DirectoryDiagnosis.noModel(path);
  }

  private static List<Path> ggufs(Path directory) {
    try (Stream<Path> files = Files.list(directory)) {
      return files.filter(Checkpoints::isGguf).sorted().toList();
    } catch (IOException | UncheckedIOException e) { // from opening or from listing the directory
      throw CheckpointException.refused(
          directory.toString(),
          "a readable directory",
          FileErrors.reason(e),
          "check its permissions",
          e);
    }
  }

  private static boolean isGguf(Path path) {
    return path.toString().toLowerCase(Locale.ROOT).endsWith(".gguf") && Files.isRegularFile(path);
  }
}
