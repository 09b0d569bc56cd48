package io.calm.compare;

import com.google.gson.JsonParser;
import io.calm.files.PrivateFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The results of probes in the cache directory: one file for each pair of a served artifact and a
 * twin, {@code latency/ARTIFACT-TWIN.json}. A file that is missing or damaged counts as no result.
 * A result that cannot be written is lost with the process.
 */
public final class ProbeStore {
  private static final Logger logger = LoggerFactory.getLogger(ProbeStore.class);
  private static final String DIRECTORY = "latency";
  private static final String SUFFIX = ".json";

  private final Path cacheDir;

  public ProbeStore(Path cacheDir) {
    this.cacheDir = cacheDir;
  }

  private Path file(String artifact, String twin) {
    return cacheDir.resolve(DIRECTORY).resolve(artifact + "-" + twin + SUFFIX);
  }

  /**
   * Returns the stored result; empty if there is none.
   *
   * @param artifact id of the served artifact
   * @param twin variant of the twin, e.g. {@code uniform-gptq}
   */
  public Optional<ProbeResult> read(String artifact, String twin) {
    Path file = file(artifact, twin);
    try {
      if (!PrivateFiles.isDirectory(cacheDir, DIRECTORY)) {
        return Optional.empty();
      }
      String text = new String(PrivateFiles.read(file), StandardCharsets.UTF_8);
      return Optional.of(LatencyJson.result(JsonParser.parseString(text).getAsJsonObject()));
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (IOException | RuntimeException e) {
      logger.warn(
          "latency result {} cannot be read ({}); it is measured again", file, e.toString());
      return Optional.empty();
    }
  }

  /** Returns the stored results of an artifact, by the variant of the twin. */
  public Map<String, ProbeResult> readAll(String artifact) {
    Map<String, ProbeResult> results = new TreeMap<>();
    for (String twin : twins(artifact)) {
      read(artifact, twin).ifPresent(result -> results.put(twin, result));
    }
    return results;
  }

  private List<String> twins(String artifact) {
    String prefix = artifact + "-";
    try {
      if (!PrivateFiles.isDirectory(cacheDir, DIRECTORY)) {
        return List.of();
      }
      try (Stream<Path> files = Files.list(cacheDir.resolve(DIRECTORY))) {
        return files
            .map(file -> String.valueOf(file.getFileName()))
            .filter(name -> name.startsWith(prefix) && name.endsWith(SUFFIX))
            .map(name -> name.substring(prefix.length(), name.length() - SUFFIX.length()))
            .toList();
      }
    } catch (IOException | UncheckedIOException e) {
      logger.warn("latency results in {} cannot be read: {}", cacheDir, e.toString());
      return List.of();
    }
  }

  /** Stores a result in place of an earlier one, atomically. */
  void write(String artifact, String twin, ProbeResult result) {
    Path file = file(artifact, twin);
    try {
      PrivateFiles.replace(
          PrivateFiles.directory(cacheDir, DIRECTORY),
          file.getFileName().toString(),
          (LatencyJson.of(result) + "\n").getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      logger.warn(
          "latency result {} cannot be written ({}); it is kept until the end", file, e.toString());
    }
  }
}
