package io.calm.artifact;

import com.google.gson.JsonParseException;
import io.calm.files.PrivateFiles;
import io.calm.text.Printable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Measurements of artifacts in the cache, {@code measured/<subject>/<kind>-<digest>.json}: one
 * record as JSON per file, written atomically.
 *
 * <p>A file that cannot be read, or was written by a version with other fields, counts as missing
 * and is measured again. A file that cannot be written costs a later report one number, and nothing
 * else; both are logged. Thread safe, also between processes: of two writers the last one wins.
 *
 * @param cacheDir parent of {@code measured/}
 */
public record MeasuredFiles(Path cacheDir) {
  private static final Logger logger = LoggerFactory.getLogger(MeasuredFiles.class);
  private static final String DIRECTORY = "measured";
  private static final String END = ".json";

  /**
   * Keeps a measurement in place of the one with the same subject, kind and identity.
   *
   * @param subject digest in hex of what was measured, e.g. {@link ArtifactKey#id}
   * @param kind kind of the measurement, in lower-case letters
   * @param identity everything that distinguishes it from others of its kind
   */
  public void keep(String subject, String kind, String identity, Record measurement) {
    String name = name(kind, identity);
    try {
      Path directory = PrivateFiles.directory(cacheDir, DIRECTORY, subject);
      PrivateFiles.replace(
          directory, name, Json.write(measurement).getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      logger.warn(
          "{}: the measurement {} of {} is not kept: {}", cacheDir, name, subject, e.toString());
    }
  }

  /** Returns the measurement with that identity; empty if there is none. */
  public <T extends Record> Optional<T> find(
      String subject, String kind, String identity, Class<T> type) {
    try {
      return PrivateFiles.isDirectory(cacheDir, DIRECTORY, subject)
          ? read(directory(subject).resolve(name(kind, identity)), type)
          : Optional.empty();
    } catch (IOException e) {
      logger.warn("{}: measurements of {} cannot be read: {}", cacheDir, subject, e.toString());
      return Optional.empty();
    }
  }

  /** Returns the readable measurements of a kind, in the order of their files' names. */
  public <T extends Record> List<T> all(String subject, String kind, Class<T> type) {
    List<T> found = new ArrayList<>();
    try {
      if (!PrivateFiles.isDirectory(cacheDir, DIRECTORY, subject)) {
        return found;
      }
      List<Path> files;
      try (Stream<Path> entries = Files.list(directory(subject))) {
        files =
            entries
                .filter(file -> isOf(kind, String.valueOf(file.getFileName())))
                .sorted()
                .toList();
      }
      files.forEach(file -> read(file, type).ifPresent(found::add));
    } catch (IOException e) {
      logger.warn("{}: measurements of {} cannot be read: {}", cacheDir, subject, e.toString());
    }
    return found;
  }

  /** Returns the SHA-256 of a file, in lower-case hex. */
  public static String digest(Path file) throws IOException {
    return Sha256.of(file);
  }

  private Path directory(String subject) {
    return cacheDir.resolve(DIRECTORY).resolve(subject);
  }

  private static boolean isOf(String kind, String name) {
    return name.startsWith(kind + "-") && name.endsWith(END);
  }

  private static String name(String kind, String identity) {
    return kind + "-" + Sha256.of(identity.getBytes(StandardCharsets.UTF_8)) + END;
  }

  private static <T extends Record> Optional<T> read(Path file, Class<T> type) {
    try {
      return Optional.of(
          Json.read(new String(PrivateFiles.read(file), StandardCharsets.UTF_8), type));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException | JsonParseException e) {
      logger.warn(
          "{}: not a measurement of this version: {}; it is ignored", file, Printable.of(e));
      return Optional.empty();
    }
  }
}
