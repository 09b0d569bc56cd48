package io.calm.files;

import java.nio.file.Path;
import java.util.Optional;

/** The home directory of this process's user, which may not exist in a container. */
public final class UserHome {
  private UserHome() {}

  /** Returns the directory; empty if Java reports {@code ?} or nothing. */
  public static Optional<Path> find() {
    String home = System.getProperty("user.home", "");
    return home.isBlank() || home.equals("?") ? Optional.empty() : Optional.of(Path.of(home));
  }

  /** Returns a description of the property {@code user.home}, for messages. */
  public static String describe() {
    return "user.home is '%s'".formatted(System.getProperty("user.home", ""));
  }
}
