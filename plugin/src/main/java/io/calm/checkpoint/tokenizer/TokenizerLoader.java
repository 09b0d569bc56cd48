package io.calm.checkpoint.tokenizer;

import io.calm.checkpoint.CheckpointException;
import io.calm.checkpoint.Tokenizer;
import io.calm.checkpoint.storage.JsonErrors;
import io.calm.checkpoint.tokenizer.json.TokenizerLimits;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;

/** Opens the tokenizer of a checkpoint from local files. The caller closes the result. */
public final class TokenizerLoader {
  private static final String REMEDY =
      "copy it from the model's source, or save it with tokenizer.save_pretrained beside the"
          + " weights";

  private TokenizerLoader() {}

  /**
   * Loads {@code tokenizer.json} without a probe.
   *
   * @throws CheckpointException as {@link #fromDirectory(Path, boolean)}
   */
  public static Tokenizer fromDirectory(Path directory) {
    return fromDirectory(directory, false);
  }

  /**
   * Loads {@code tokenizer.json} of a Hugging Face directory. Truncation and padding in the file
   * are ignored.
   *
   * @param probe whether a child process tries it first
   * @throws CheckpointException if the file is missing or invalid, or fails the probe
   */
  public static Tokenizer fromDirectory(Path directory, boolean probe) {
    Path file = directory.resolve("tokenizer.json");
    String source = file.toString();
    TokenizerJson parsed = read(file);
    if (probe) {
      TokenizerProbe.shared().require(parsed.checked(), source);
    }
    Vocabulary vocabulary = parsed.vocabulary();
    NativeTokenizer library = NativeTokenizer.create(parsed.checked().json(), source);
    try {
      return new LibraryTokenizer(
          library,
          vocabulary,
          parsed.detokenizer(vocabulary, library),
          parsed.checked().shrinkage());
    } catch (RuntimeException | Error e) { // e.g. the library fails to decode
      library.close();
      throw e;
    }
  }

  /** Reads and checks a {@code tokenizer.json}. */
  static TokenizerJson read(Path file) {
    String source = file.toString();
    String json;
    try {
      if (Files.size(file) > TokenizerLimits.FILE_BYTES) {
        throw CheckpointException.refused(
            source,
            "at most " + TokenizerLimits.FILE_BYTES + " bytes",
            Files.size(file) + " bytes",
            "copy the file again");
      }
      json = Files.readString(file);
    } catch (NoSuchFileException e) {
      throw new CheckpointException(source + ": there is no such file; " + REMEDY, e);
    } catch (IOException e) {
      throw CheckpointException.refused(
          source, "a readable file in UTF-8", JsonErrors.describe(e), REMEDY, e);
    }
    return TokenizerJson.parse(json, source);
  }

  /**
   * Builds the tokenizer of GGUF metadata without a probe.
   *
   * @throws CheckpointException as {@link #fromGguf(Map, boolean)}
   */
  public static Tokenizer fromGguf(Map<String, Object> metadata) {
    return fromGguf(metadata, false);
  }

  /**
   * Builds the tokenizer that a GGUF file describes in its metadata. Token ids equal those of the
   * Hugging Face tokenizer that the file was converted from.
   *
   * @param metadata keys and values: String, Long, Double, Boolean or List
   * @param probe whether a child process tries it first
   * @throws CheckpointException if the tokenizer is not supported or invalid, or fails the probe
   */
  public static Tokenizer fromGguf(Map<String, Object> metadata, boolean probe) {
    return GgufTokenizer.load(metadata, probe);
  }

  /**
   * Returns the tokenizer.json of the tokenizer that a GGUF file describes in its metadata.
   *
   * @throws CheckpointException if the tokenizer is not supported or invalid
   */
  public static String jsonOfGguf(Map<String, Object> metadata) {
    return GgufTokenizer.json(metadata);
  }
}
