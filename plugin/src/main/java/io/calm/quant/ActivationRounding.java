package io.calm.quant;

import io.calm.kernels.SearchKernels;
import io.calm.model.ActivationMode;
import io.calm.tensor.Matrix;
import java.util.Optional;

/**
 * Rounds an activation row to int8 and back, in float32: what a W4A8 linear reads
 * (docs/reference/w4a8.md). Immutable and thread safe.
 */
final class ActivationRounding {
  private static final float SMALLEST = 0x1p-100f;
  private static final float LEVELS = 127;

  private final ActivationMode mode;
  private final int group;

  ActivationRounding(ActivationMode mode, int group) {
    this.mode = mode;
    this.group = group;
  }

  /** Replaces some rows by their rounded values. */
  void round(Matrix rows, int from, int to) {
    Optional<SearchKernels> kernels = SearchKernels.best();
    if (kernels.isPresent()) {
      kernels.get().roundInputs(rows, from, to, step(rows.columns()));
      return;
    }
    float[] row = new float[rows.columns()];
    for (int t = from; t < to; t++) {
      rows.readRow(t, row);
      round(row);
      rows.writeRow(t, row);
    }
  }

  /** Returns the inputs that share a scale. */
  int step(int inputs) {
    return mode == ActivationMode.PER_TOKEN ? inputs : group;
  }

  /** Replaces {@code row} by its rounded values; the kernels' reference. */
  void round(float[] row) {
    int step = step(row.length);
    for (int from = 0; from < row.length; from += step) {
      round(row, from, Math.min(row.length, from + step));
    }
  }

  private static void round(float[] row, int from, int to) {
    float peak = 0;
    for (int k = from; k < to; k++) {
      peak = Math.max(peak, Math.abs(row[k]));
    }
    float scale = peak < SMALLEST ? 0 : peak / LEVELS;
    for (int k = from; k < to; k++) {
      row[k] =
          scale == 0
              ? 0
              : scale
                  * (float) (Math.max(-LEVELS, Math.min(LEVELS, Math.rint(row[k] / scale))) + 0);
    }
  }
}
