package io.calm.checkpoint;

import io.calm.checkpoint.gguf.GgufCheckpoint;
import io.calm.checkpoint.gguf.GgufFile;
import io.calm.checkpoint.hf.HfDirectory;
import io.calm.checkpoint.storage.ForeignFiles;
import io.calm.checkpoint.tokenizer.TokenizerLoader;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;

/** Opens checkpoints. */
public final class Checkpoints {
  private Checkpoints() {}

  /**
   * Opens a model: a Hugging Face directory, a .gguf file, or a directory whose only model is one
   * .gguf file. Headers and shapes are checked, no tensor is read.
   *
   * @throws CheckpointException if it cannot be used, naming file, tensor or key, what was
   *     expected, what was found, and what to do
   */
  public static Checkpoint open(Path path) {
    return open(path, false);
  }

  /**
   * Opens a checkpoint; with {@code probeTokenizer}, a child process opens the tokenizer before it
   * is first used. A tokenizer that would end this process ends the child process and is reported
   * as a {@link CheckpointException}.
   */
  public static Checkpoint open(Path path, boolean probeTokenizer) {
    return open(path, probeTokenizer, FileAnswers.COMPUTED);
  }

  /**
   * Opens a checkpoint as above.
   *
   * @param answers memory of answers that take reading whole tensors
   */
  public static Checkpoint open(Path path, boolean probeTokenizer, FileAnswers answers) {
    Path model = locate(path);
    return Files.isDirectory(model)
        ? HfDirectory.open(model, probeTokenizer, answers)
        : GgufCheckpoint.open(model, probeTokenizer);
  }

  /**
   * Builds the tokenizer of a model alone; the weights need not be there.
   *
   * @param path a directory with tokenizer.json, or as for {@link #open}
   * @throws CheckpointException if there is none, or it is of a kind that is not supported
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
          "give the directory that holds config.json");
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
    } catch (IOException | UncheckedIOException e) { // before the listing, or within it
      throw CheckpointException.refused(
          directory.toString(), "a readable directory", e, "check its permissions", e);
    }
  }

  private static boolean isGguf(Path path) {
    return path.toString().toLowerCase(Locale.ROOT).endsWith(".gguf") && Files.isRegularFile(path);
  }
}
