package io.calm.settings;

import java.nio.file.Path;
import java.util.Optional;

/**
 * Settings of the calibration tokens.
 *
 * @param file text or JSON lines; empty: sequences that the model samples itself
 * @param samples number of sequences that quantizers are fitted on
 * @param length tokens per sequence
 * @param seed seed of the model's own samples
 */
public record CalibrationSettings(Optional<Path> file, int samples, int length, long seed) {}
