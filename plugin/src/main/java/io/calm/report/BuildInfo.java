package io.calm.report;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.jar.Attributes;
import java.util.jar.Manifest;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The version of CALM that runs.
 *
 * @param version version of the jar, or {@code build directory}
 * @param commit commit of its sources; empty if neither the jar nor a checkout tells
 */
public record BuildInfo(String version, Optional<String> commit) {
  private static final Logger logger = LoggerFactory.getLogger(BuildInfo.class);
  private static final String COMMIT = "Implementation-Commit";
  private static final BuildInfo CURRENT = read();

  /** Returns the version of this process. */
  public static BuildInfo current() {
    return CURRENT;
  }

  private static BuildInfo read() {
    String version = BuildInfo.class.getPackage().getImplementationVersion();
    Optional<String> commit = version == null ? Optional.empty() : ofJar();
    return new BuildInfo(
        version == null ? "build directory" : version, commit.or(BuildInfo::ofCheckout));
  }

  private static Optional<String> ofJar() {
    try {
      String self = "/" + BuildInfo.class.getName().replace('.', '/') + ".class";
      URL location = BuildInfo.class.getResource(self);
      if (location == null || !location.toString().endsWith("!" + self)) {
        return Optional.empty();
      }
      String jar = location.toString();
      URL manifest =
          new URL(jar.substring(0, jar.length() - self.length()) + "/META-INF/MANIFEST.MF");
      try (InputStream in = manifest.openStream()) {
        Attributes attributes = new Manifest(in).getMainAttributes();
        return Optional.ofNullable(attributes.getValue(COMMIT)).filter(text -> !text.isBlank());
      }
    } catch (IOException e) {
      logger.debug("the jar's commit is unknown: {}", e.toString());
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
