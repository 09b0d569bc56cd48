package io.calm.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** The files of a checkpoint that are not weights: configuration, tokenizer, chat template. */
public sealed interface SourceFiles {

  /**
   * A directory in the format of Hugging Face transformers.
   *
   * @param directory the directory with config.json
   */
  record Directory(Path directory) implements SourceFiles {
    /** Names of the text files that are read, besides config.json. None is required. */
    public static final List<String> READ =
        List.of(
            "generation_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "added_tokens.json",
            "chat_template.jinja",
            "chat_template.json");

    /** Names of tokenizer files that only other programs read. */
    private static final List<String> UNREAD =
        List.of("tokenizer.model", "vocab.json", "merges.txt");

    public Directory {
      directory = directory.toAbsolutePath();
    }

    /** Returns the path of {@code name}, which need not exist. */
    public Path file(String name) {
      return directory.resolve(name);
    }

    /** Returns the files of tokenizer, template and generation defaults, which need not exist. */
    public List<Path> tokenizerFiles() {
      return Stream.concat(READ.stream(), UNREAD.stream()).map(this::file).toList();
    }

    /** Copies the files of tokenizer, template and generation defaults that exist. */
    public void copyTokenizer(Path target) throws IOException {
      for (Path file : tokenizerFiles()) {
        if (Files.isRegularFile(file)) {
          try (InputStream in = Files.newInputStream(file)) {
            Files.copy(in, target.resolve(file.getFileName()));
          }
        }
      }
    }
  }

  /**
   * A GGUF file.
   *
   * @param metadata its metadata; values are String, Long, Double, Boolean, or a List of these
   */
  record Gguf(Map<String, Object> metadata) implements SourceFiles {}
}
