package io.calm.settings;

import io.calm.files.TextFile;
import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Settings of the calibration tokens.
 *
 * @param file text or JSON lines; empty: sequences that the model samples itself
 * @param effort gives the number and length of the sequences, where they are not given
 * @param givenSamples number of sequences that quantizers are fitted on; empty: that of the effort,
 *     or as many as a shorter text has
 * @param givenLength tokens per sequence; empty: that of the effort
 * @param seed seed of the model's own samples
 */
public record CalibrationSettings(
    Optional<Path> file,
    SearchEffort effort,
    OptionalInt givenSamples,
    OptionalInt givenLength,
    long seed) {

  /** Returns the number of sequences to fit on. A text may have fewer if it is not given. */
  public int samples() {
    return givenSamples.orElse(effort.samples());
  }

  /**
   * Returns the number of sequences as it is in the artifact's key. A text decides how many it has
   * if the number is not given, but must have a given number.
   */
  String samplesInKey() {
    return (file.isPresent() && givenSamples.isEmpty() ? "up-to-" : "") + samples();
  }

  /** Returns what the sequences come from, as it is in the artifact's key beside a file's bytes. */
  String sourceInKey() {
    return file.map(path -> TextFile.isJsonLines(path) ? "json-lines" : "file").orElse("self");
  }

  /** Returns the tokens per sequence. */
  public int length() {
    return givenLength.orElse(effort.length());
  }
}
