package io.calm.testing;

import java.nio.file.Files;
import java.nio.file.Path;

/** The repository that the tests run in. */
public final class Repository {
  private Repository() {}

  /** Returns a path of the repository, e.g. {@code models/calm-tiny-llama}. */
  public static Path path(String relative) {
    Path start = Path.of("").toAbsolutePath();
    for (Path directory = start; directory != null; directory = directory.getParent()) {
      if (Files.isDirectory(directory.resolve("djl-serving-spi"))) {
        return directory.resolve(relative);
      }
    }
    throw new IllegalStateException("run the tests inside the repository, not in " + start);
  }
}
