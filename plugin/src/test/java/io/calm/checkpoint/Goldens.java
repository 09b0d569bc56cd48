package io.calm.checkpoint;

import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;
import java.util.Objects;

/** The reference files among the test resources. */
public final class Goldens {
  private Goldens() {}

  /** Returns the path of a file or directory below {@code goldens}. */
  public static Path path(String name) {
    URL url = Goldens.class.getResource("/goldens/" + name);
    try {
      return Path.of(Objects.requireNonNull(url, name).toURI());
    } catch (URISyntaxException e) {
      throw new IllegalStateException(e);
    }
  }
}
