package io.calm.export;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.gguf.GgufFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/** The files of a checkpoint that are not weights: configuration, tokenizer, chat template. */
public sealed interface SourceFiles {

  /**
   * A directory in the format of Hugging Face transformers.
   *
   * @param directory the directory with config.json
   */
  record Directory(Path directory) implements SourceFiles {
    private static final List<String> TOKENIZER =
        List.of(
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "added_tokens.json",
            "tokenizer.model",
            "vocab.json",
            "merges.txt",
            "chat_template.jinja",
            "chat_template.json",
            "generation_config.json");

    /** Returns the path of {@code name}, which need not exist. */
    public Path file(String name) {
      return directory.resolve(name);
    }

    /** Returns the files of tokenizer, template and generation defaults, which need not exist. */
    List<Path> tokenizerFiles() {
      return TOKENIZER.stream().map(this::file).toList();
    }

    /** Copies the files of tokenizer, template and generation defaults that exist. */
    public void copyTokenizer(Path target) throws IOException {
      for (String name : TOKENIZER) {
        if (Files.isRegularFile(file(name))) {
          try (InputStream in = Files.newInputStream(file(name))) {
            Files.copy(in, target.resolve(name));
          }
        }
      }
    }
  }

  /**
   * A GGUF file.
   *
   * @param file the file
   * @param metadata its metadata; values are String, Long, Double, Boolean, or a List of these
   */
  record Gguf(Path file, Map<String, Object> metadata) implements SourceFiles {}

  /** Returns the files of an open checkpoint. */
  static SourceFiles of(Checkpoint checkpoint) {
    Path first = checkpoint.files().get(0).toAbsolutePath();
    if (first.toString().toLowerCase(Locale.ROOT).endsWith(".gguf")) {
      return new Gguf(first, GgufFile.open(first).metadata());
    }
    return new Directory(Objects.requireNonNull(first.getParent(), "an absolute path"));
  }
}
