package io.calm.calibration;

import io.calm.files.PrivateFiles;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Stores the model's own samples as files of token ids, so that all plans of a model and its
 * settings are calibrated on the same sequences, and only the first plan samples them.
 *
 * <p>A file is named by its key, appears by one rename, and ends with a CRC-32C of its content. A
 * damaged file is logged and not returned. With an unwritable directory, every plan samples again.
 * Thread safe, also between processes, which would write the same bytes.
 */
public final class KeptSamples {
  private static final Logger logger = LoggerFactory.getLogger(KeptSamples.class);
  private static final String FORMAT = "calm-samples 1";
  private static final int HEADER_LINES = 3;

  private static final String DIRECTORY = "samples";

  private final Path cacheDir;
  private final Path directory;

  /** Stores samples in {@code cacheDir/samples}, which need not exist. */
  public KeptSamples(Path cacheDir) {
    this.cacheDir = cacheDir;
    this.directory = cacheDir.resolve(DIRECTORY);
  }

  /**
   * Returns the samples of {@code key}; empty if there are none or they are damaged.
   *
   * @param key name of the file: a digest of everything that the samples depend on
   */
  public Optional<CalibrationSet> find(String key) {
    Path file = directory.resolve(key);
    try {
      return PrivateFiles.isDirectory(cacheDir, DIRECTORY)
          ? Optional.of(parse(key, decode(PrivateFiles.read(file))))
          : Optional.empty();
    } catch (NoSuchFileException e) {
      return Optional.empty();
    } catch (CharacterCodingException | IllegalArgumentException e) {
      logger.warn("samples {}: {}; they will be written again", file, e.getMessage());
    } catch (IOException e) {
      logger.warn(
          "samples {}: cannot be read ({}); they will be written again", file, e.toString());
    }
    return Optional.empty();
  }

  /** Stores the samples of {@code key}. Logs a failure to write and continues. */
  public void keep(String key, CalibrationSet set) {
    try {
      PrivateFiles.replace(
          PrivateFiles.directory(cacheDir, DIRECTORY),
          key,
          text(key, set).getBytes(StandardCharsets.UTF_8));
    } catch (IOException e) {
      logger.warn("samples {}: cannot be kept ({})", directory.resolve(key), e.toString());
    }
  }

  private static String decode(byte[] bytes) throws CharacterCodingException {
    return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
  }

  private static String text(String key, CalibrationSet set) {
    Stream<String> header =
        Stream.of(
            FORMAT,
            key,
            "%s %d %d %d"
                .formatted(set.source(), set.seed(), set.fit().size(), set.score().size()));
    Stream<String> sequences =
        Stream.of(set.fit(), set.score(), set.guard())
            .flatMap(List::stream)
            .map(ids -> Arrays.stream(ids).mapToObj(Integer::toString))
            .map(ids -> ids.collect(Collectors.joining(" ")));
    String body =
        Stream.concat(header, sequences).map(line -> line + "\n").collect(Collectors.joining());
    return body + checksum(body) + "\n";
  }

  /** Reads the text that {@link #text} wrote; throws IllegalArgumentException for anything else. */
  private static CalibrationSet parse(String key, String text) {
    List<String> lines = text.lines().toList();
    int last = lines.size() - 1;
    if (last <= HEADER_LINES) {
      throw new IllegalArgumentException("expected a header and sequences, got a cut file");
    }
    String body = text.substring(0, text.length() - lines.get(last).length() - 1);
    if (!text.equals(body + checksum(body) + "\n")) {
      throw new IllegalArgumentException(
          "expected CRC-32C %s, got '%s'".formatted(checksum(body), lines.get(last)));
    }
    if (!lines.get(0).equals(FORMAT) || !lines.get(1).equals(key)) {
      throw new IllegalArgumentException(
          "expected '%s' of %s, got '%s' of %s".formatted(FORMAT, key, lines.get(0), lines.get(1)));
    }
    String[] header = lines.get(2).split(" ", -1);
    int fit = Integer.parseInt(header[2]);
    int score = Integer.parseInt(header[3]);
    List<int[]> sequences = new ArrayList<>();
    for (String line : lines.subList(HEADER_LINES, last)) {
      sequences.add(Arrays.stream(line.split(" ", -1)).mapToInt(Integer::parseInt).toArray());
    }
    return new CalibrationSet(
        header[0],
        Long.parseLong(header[1]),
        sequences.subList(0, fit),
        sequences.subList(fit, fit + score),
        sequences.subList(fit + score, sequences.size()));
  }

  private static String checksum(String body) {
    CRC32C checksum = new CRC32C();
    checksum.update(body.getBytes(StandardCharsets.UTF_8));
    return "%08x".formatted(checksum.getValue());
  }
}
