package io.calm.files;

import java.nio.file.Path;
import java.util.Optional;

/** The home directory of this process's user, which not every container gives it. */
public final class UserHome {
  private UserHome() {}

  /** Returns the directory; empty where Java knows none and says {@code ?} or nothing. */
  public static Optional<Path> find() {
    String home = System.getProperty("user.home", "");
    return home.isBlank() || home.equals("?") ? Optional.empty() : Optional.of(Path.of(home));
  }

  /** Returns what the property says, for messages. */
  public static String said() {
    return "user.home is '%s'".formatted(System.getProperty("user.home", ""));
  }
}
