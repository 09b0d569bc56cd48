package io.calm.kernels;

import java.io.IOException;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The version of CALM that runs.
 *
 * @param version version of the jar, or {@code build directory}
 * @param commit commit of the jar, or of the checkout that {@code ./calm} runs in; empty elsewhere
 */
public record BuildInfo(String version, Optional<String> commit) {
  private static final Logger logger = LoggerFactory.getLogger(BuildInfo.class);
  private static final String COMMIT = "Implementation-Commit";
  private static final BuildInfo CURRENT = read();

  /** Returns the commit, or {@code unknown}. */
  public String commitText() {
    return commit.orElse("unknown");
  }

  /** Returns the version of this process. */
  public static BuildInfo current() {
    return CURRENT;
  }

  private static BuildInfo read() {
    String version = BuildInfo.class.getPackage().getImplementationVersion();
    return new BuildInfo(
        version == null ? "build directory" : version,
        ofJar(BuildInfo.class).or(BuildInfo::ofCheckout));
  }

  /** Returns the commit in the manifest of the jar of a class; empty if it is in no jar. */
  static Optional<String> ofJar(Class<?> type) {
    @Nullable URL file = type.getResource(type.getSimpleName() + ".class");
    if (file == null || !file.getProtocol().equals("jar")) {
      return Optional.empty();
    }
    try {
      JarURLConnection jar = (JarURLConnection) file.openConnection();
      return Optional.ofNullable(jar.getMainAttributes())
          .map(attributes -> attributes.getValue(COMMIT))
          .flatMap(BuildInfo::commit);
    } catch (IOException | RuntimeException e) {
      logger.debug("{}: its manifest cannot be read: {}", file, e.toString());
      return Optional.empty();
    }
  }

  /** Returns the commit of the checkout that {@code ./calm} runs in. */
  private static Optional<String> ofCheckout() {
    String home = System.getProperty("calm.home", "");
    return home.isEmpty() ? Optional.empty() : head(Path.of(home));
  }

  /** Reads the commit that a checkout's HEAD names. */
  static Optional<String> head(Path checkout) {
    try {
      Path git = checkout.resolve(".git");
      if (Files.isRegularFile(git)) { // a worktree: "gitdir: PATH"
        git = checkout.resolve(Files.readString(git).strip().replaceFirst("^gitdir: *", ""));
      }
      String head = Files.readString(git.resolve("HEAD")).strip();
      if (!head.startsWith("ref: ")) {
        return commit(head);
      }
      String ref = head.substring("ref: ".length());
      Path common = git.resolve("commondir");
      Path shared = Files.exists(common) ? git.resolve(Files.readString(common).strip()) : git;
      Path loose = shared.resolve(ref);
      if (Files.exists(loose)) {
        return commit(Files.readString(loose).strip());
      }
      try (var lines = Files.lines(shared.resolve("packed-refs"))) {
        return lines
            .filter(line -> line.endsWith(" " + ref))
            .map(line -> line.substring(0, line.indexOf(' ')))
            .findFirst()
            .flatMap(BuildInfo::commit);
      }
    } catch (IOException | RuntimeException e) {
      logger.debug("{} is no checkout: {}", checkout, e.toString());
      return Optional.empty();
    }
  }

  private static Optional<String> commit(String text) {
    return text.matches("[0-9a-f]{40,64}") ? Optional.of(text) : Optional.empty();
  }
}
