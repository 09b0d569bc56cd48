package io.calm.cli.eval;

import io.calm.runtime.Decoder;
import java.util.Arrays;
import java.util.List;

/** Logits of the served decoder, window by window in chunks. */
public final class DecoderLogits implements LogitSource {
  /** Rows of logits that are held at once. */
  private static final int CHUNK = 64;

  private final Decoder decoder;

  public DecoderLogits(Decoder decoder) {
    this.decoder = decoder;
  }

  @Override
  public int vocabulary() {
    return decoder.spec().vocabulary();
  }

  @Override
  public void run(int[] window, Rows rows) {
    try (Decoder.Sequence sequence = decoder.newSequence(window.length)) {
      for (int from = 0; from < window.length; from += CHUNK) {
        int[] tokens = Arrays.copyOfRange(window, from, Math.min(window.length, from + CHUNK));
        float[][] logits =
            decoder.step(List.of(new Decoder.Chunk(sequence, tokens, Decoder.Wanted.ALL))).get(0);
        for (int i = 0; i < logits.length; i++) {
          rows.row(from + i, logits[i]);
        }
      }
    }
  }

  @Override
  public void close() {
    decoder.close();
  }
}
