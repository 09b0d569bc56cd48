package io.calm.settings;

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

  /** Returns the tokens per sequence. */
  public int length() {
    return givenLength.orElse(effort.length());
  }
}
