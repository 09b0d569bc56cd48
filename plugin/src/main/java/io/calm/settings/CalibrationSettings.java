package io.calm.settings;

import java.nio.file.Path;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Settings of the calibration tokens.
 *
 * @param file text or JSON lines; empty: sequences that the model samples itself
 * @param effort gives the number of sequences that quantizers are fitted on, if that is not given
 * @param givenSamples number of sequences that quantizers are fitted on; empty: that of the effort,
 *     or as many as a shorter text has
 * @param length tokens per sequence
 * @param seed seed of the model's own samples
 */
public record CalibrationSettings(
    Optional<Path> file, SearchEffort effort, OptionalInt givenSamples, int length, long seed) {

  /** Returns the number of sequences to fit on. A text may have fewer if it is not given. */
  public int samples() {
    return givenSamples.orElse(effort.samples());
  }
}
