package io.calm.files;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The directory into which DJL unpacks native libraries and from which it loads them. A user with
 * write access to it can run code in this process.
 *
 * <p>DJL reads its path from {@code ENGINE_CACHE_DIR}, else {@code DJL_CACHE_DIR} (environment or
 * system property), else uses {@code ~/.djl.ai}. {@code ./calm} sets it to a directory below the
 * CALM cache directory, unless the operator has set one. In DJL Serving, the server sets it.
 */
public final class DjlCache {
  private static final Logger logger = LoggerFactory.getLogger(DjlCache.class);
  private static final String ENGINES = "ENGINE_CACHE_DIR";
  private static final String ALL = "DJL_CACHE_DIR";
  private static final String NAME = "native";
  private static final AtomicBoolean CHECKED = new AtomicBoolean();
  private static final AtomicBoolean OURS = new AtomicBoolean();

  private DjlCache() {}

  /**
   * Makes DJL unpack its libraries into {@code cacheDir/native}, which only this user can write.
   * {@code ./calm} calls this method before it loads the first library; later calls have no effect.
   *
   * <p>If the cache is read-only, e.g. mounted, DJL's default is kept.
   *
   * @throws UntrustedPathException if another user may have written the directory
   */
  public static synchronized void use(Path cacheDir) throws UntrustedPathException {
    if (name().isPresent()) {
      return;
    }
    try {
      Path directory = PrivateFiles.directory(cacheDir, NAME);
      if (!Files.isWritable(directory)) {
        throw new AccessDeniedException(directory.toString());
      }
      System.setProperty(ENGINES, directory.toString());
      OURS.set(true);
    } catch (UntrustedPathException e) {
      throw e;
    } catch (IOException e) {
      logger.warn(
          "{}: cannot hold DJL's native libraries ({}); they go to DJL's own cache",
          cacheDir,
          e.toString());
    }
  }

  /**
   * Checks and logs the directory before DJL loads the first library.
   *
   * @throws IllegalArgumentException if DJL would use the home directory and this user has none
   */
  public static void check() {
    Optional<Path> directory = directory();
    if (directory.isEmpty()) {
      throw new IllegalArgumentException(
          "DJL_CACHE_DIR: expected a directory for DJL's native libraries, since this user has no home directory (%s); set DJL_CACHE_DIR, or calm.cache-dir (CALM_CACHE) for ./calm, to a directory that only this user can write"
              .formatted(UserHome.describe()));
    }
    if (CHECKED.compareAndSet(false, true)) {
      report(directory.get(), name().isPresent());
    }
  }

  /**
   * Returns why DJL could not load a native library, and what its directory must be like. The
   * message of a failure does not tell whether the directory is the cause.
   */
  public static String reason(Throwable failure) {
    Throwable cause = failure;
    while (cause.getCause() != null) {
      cause = cause.getCause();
    }
    return "%s; DJL unpacks it below %s, which needs free space and must not be mounted read-only or noexec; DJL_CACHE_DIR, or calm.cache-dir (CALM_CACHE) for ./calm, names another directory"
        .formatted(
            Optional.ofNullable(cause.getMessage()).orElseGet(cause::toString),
            directory().map(Path::toString).orElse("the home directory"));
  }

  private static void report(Path directory, boolean named) {
    if (OURS.get()) {
      logger.debug("DJL's native libraries: {} (below calm.cache-dir)", directory);
    } else {
      logger.info(
          "DJL's native libraries: {} ({})",
          directory,
          named ? "named by DJL_CACHE_DIR or ENGINE_CACHE_DIR" : "DJL's default");
    }
    try {
      Optional<PosixStatus> status =
          Files.isDirectory(directory)
              ? PosixStatus.of(directory.toRealPath())
              : Optional.<PosixStatus>empty();
      if (status.filter(s -> !s.isTrusted() || s.isWritableByOthers()).isPresent()) {
        logger.warn(
            "{}: other users can write to it and so run code in this process; set DJL_CACHE_DIR to a directory of mode 0700",
            directory);
      }
    } catch (IOException e) {
      logger.debug("{}: its owner is not known", directory, e);
    }
  }

  private static Optional<Path> directory() {
    return name().map(Path::of).or(() -> UserHome.find().map(home -> home.resolve(".djl.ai")));
  }

  private static Optional<String> name() {
    return named(ENGINES).or(() -> named(ALL));
  }

  private static Optional<String> named(String name) {
    return Stream.of(Optional.ofNullable(System.getenv(name)), property(name))
        .flatMap(Optional::stream)
        .filter(text -> !text.isEmpty())
        .findFirst();
  }

  private static Optional<String> property(String name) {
    return Optional.ofNullable(System.getProperty(name));
  }
}
