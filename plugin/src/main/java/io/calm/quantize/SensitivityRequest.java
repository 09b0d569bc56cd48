package io.calm.quantize;

import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/**
 * A request for a sensitivity table.
 *
 * @param blocks blocks to measure, from 0; empty: all
 * @param texts token ids of held-out texts, by name, beside the guard part of the calibration
 * @param windows maximum number of windows of each text
 * @param length tokens per window; empty: at most {@link #DEFAULT_LENGTH}
 */
public record SensitivityRequest(
    List<Integer> blocks, Map<String, int[]> texts, int windows, OptionalInt length) {
  /** Name of the calibration's guard part among the texts. */
  public static final String GUARD = "guard part";

  /** Tokens per window, unless the sequences of the calibration are shorter. */
  static final int DEFAULT_LENGTH = 256;

  public SensitivityRequest {
    blocks = blocks.stream().sorted().distinct().toList();
  }
}
