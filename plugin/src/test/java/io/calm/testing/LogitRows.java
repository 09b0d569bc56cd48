package io.calm.testing;

import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Logits;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/** Results of steps for decoders that are not real. */
public final class LogitRows {
  private LogitRows() {}

  /** Returns a row with what a decoder measures of it. */
  public static Logits of(float... values) {
    float largest = values[0];
    for (float value : values) {
      largest = Math.max(largest, value);
    }
    double sum = 0;
    for (float value : values) {
      sum += Math.exp(value - largest);
    }
    return new Logits(values, largest, (float) (largest + Math.log(sum)));
  }

  /**
   * Returns the rows that a chunk wants.
   *
   * @param row logits of the chunk's token of this index
   */
  public static List<Logits> wanted(Chunk chunk, IntFunction<float[]> row) {
    List<Logits> rows = new ArrayList<>();
    for (int i = chunk.firstWanted(); i < chunk.tokens().length; i++) {
      rows.add(of(row.apply(i)));
    }
    return rows;
  }
}
