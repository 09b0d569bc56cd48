package io.calm.artifact;

import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.calm.files.FileErrors;
import io.calm.files.PrivateFiles;
import io.calm.search.Sensitivity;
import io.calm.search.SensitivityCell;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The finished cells of a sensitivity table in a file of the cache, one line of JSON for each.
 *
 * <p>A cell is appended and synced as soon as it is finished, so that a run that was killed
 * continues after its last cell. Reading ends at the first line that is not a whole cell, such as
 * the last one of a killed run, and the next cell overwrites it. One log of a file is open at a
 * time. Not thread safe.
 */
public final class SensitivityLog implements Sensitivity.Log, AutoCloseable {
  private static final Logger logger = LoggerFactory.getLogger(SensitivityLog.class);
  private static final String DIRECTORY = "sensitivity";

  private final Path file;
  private final KeyLock lock;
  private final FileChannel channel;
  private final Map<String, SensitivityCell> cells = new LinkedHashMap<>();

  private SensitivityLog(Path file, KeyLock lock, FileChannel channel) {
    this.file = file;
    this.lock = lock;
    this.channel = channel;
  }

  /**
   * Opens the log {@code cacheDir/sensitivity/<id>.jsonl}; creates it if it is missing.
   *
   * @param id digest of everything that a cell depends on, but for its block and algorithm
   * @throws ArtifactException if another run has it open, or it cannot be read and written
   */
  public static SensitivityLog open(Path cacheDir, String id) {
    try {
      Path directory = PrivateFiles.directory(cacheDir, DIRECTORY);
      Path file = directory.resolve(id + ".jsonl");
      KeyLock lock =
          KeyLock.tryAcquire(directory.resolve(id + ".lock"))
              .orElseThrow(
                  () ->
                      new ArtifactException(
                          "%s: another run measures the same table; wait until it has finished"
                              .formatted(file)));
      return open(file, lock);
    } catch (IOException e) {
      throw new ArtifactException(
          "%s: no log of a sensitivity table can be opened in it: %s; check its permissions, or set"
                  .formatted(cacheDir, FileErrors.reason(e))
              + " calm.cache-dir to another directory",
          e);
    }
  }

  private static SensitivityLog open(Path file, KeyLock lock) throws IOException {
    Optional<SensitivityLog> log = Optional.empty();
    boolean complete = false;
    try {
      log = Optional.of(new SensitivityLog(file, lock, PrivateFiles.openOrCreate(file)));
      log.get().read();
      complete = true;
      return log.get();
    } finally {
      if (!complete) {
        log.ifPresentOrElse(SensitivityLog::close, lock::close);
      }
    }
  }

  private void read() throws IOException {
    byte[] bytes = PrivateFiles.read(file);
    int from = 0;
    for (int at = 0; at < bytes.length; at++) {
      if (bytes[at] != '\n') {
        continue;
      }
      try {
        remember(parse(new String(bytes, from, at - from, StandardCharsets.UTF_8)));
      } catch (JsonParseException e) {
        break;
      }
      from = at + 1;
    }
    if (from < bytes.length) {
      logger.warn(
          "{}: {} bytes after the last finished cell are dropped", file, bytes.length - from);
      channel.truncate(from);
    }
    channel.position(from);
  }

  private static SensitivityCell parse(String line) {
    return Json.read(line, SensitivityCell.class);
  }

  private void remember(SensitivityCell cell) {
    cells.put(key(cell.block(), cell.algorithm()), cell);
  }

  private static String key(int block, String algorithm) {
    return block + " " + algorithm;
  }

  @Override
  public Optional<SensitivityCell> find(int block, String algorithm) {
    return Optional.ofNullable(cells.get(key(block, algorithm)));
  }

  @Override
  public void add(SensitivityCell cell) {
    String line = JsonParser.parseString(Json.write(cell)) + "\n";
    ByteBuffer bytes = ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8));
    try {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
      channel.force(false);
    } catch (IOException e) {
      throw new ArtifactException(
          "%s: a cell cannot be written: %s; free some space, and run it again"
              .formatted(file, FileErrors.reason(e)),
          e);
    }
    remember(cell);
  }

  @Override
  public void close() {
    try (lock) {
      channel.close();
    } catch (IOException e) {
      logger.warn("{}: cannot be closed: {}", file, e.toString());
    }
  }
}
