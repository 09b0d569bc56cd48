package io.calm.runtime;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.runtime.Decoder.Logits;
import io.calm.runtime.Decoder.Wanted;
import io.calm.runtime.DecoderSequences.Sequence;
import java.util.List;

/** Logits of whole sequences, copied. */
public final class Decodes {
  /** Enough for all sequences of a test. */
  static final int BLOCKS = 100;

  private Decodes() {}

  /** Returns the logits of every token, computed in one step. */
  public static float[][] all(Decoder decoder, int... tokens) {
    try (Sequence sequence = new DecoderSequences(decoder).open()) {
      return copy(decoder.step(List.of(sequence.append(tokens, Wanted.ALL))).get(0));
    }
  }

  /** Returns copies of a chunk's rows. */
  public static float[][] copy(List<Logits> rows) {
    return rows.stream().map(row -> row.values().clone()).toArray(float[][]::new);
  }

  /** Asserts that two results, [T, V], have the same bits. */
  public static void assertSame(float[][] expected, float[][] actual, String message) {
    assertEquals(expected.length, actual.length, message);
    for (int t = 0; t < expected.length; t++) {
      assertArrayEquals(expected[t], actual[t], message + ", token " + t);
    }
  }
}
