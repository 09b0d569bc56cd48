package io.calm.runtime;

import io.calm.runtime.Decoder.Logits;
import io.calm.runtime.Decoder.Wanted;
import io.calm.runtime.DecoderSequences.Sequence;
import java.util.List;

/** Logits of whole sequences, copied. */
final class Decodes {
  /** Enough for all sequences of a test. */
  static final int BLOCKS = 100;

  private Decodes() {}

  /** Returns the logits of every token, computed in one step. */
  static float[][] all(Decoder decoder, int... tokens) {
    try (Sequence sequence = new DecoderSequences(decoder).open()) {
      return copy(decoder.step(List.of(sequence.append(tokens, Wanted.ALL))).get(0));
    }
  }

  /** Returns copies of a chunk's rows. */
  static float[][] copy(List<Logits> rows) {
    return rows.stream().map(row -> row.values().clone()).toArray(float[][]::new);
  }
}
