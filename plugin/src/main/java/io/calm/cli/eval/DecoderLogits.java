package io.calm.cli.eval;

import io.calm.runtime.Decoder;
import io.calm.runtime.DecoderSequences;
import java.util.Arrays;
import java.util.List;

/** Logits of the served decoder. Windows run one after the other, in chunks. */
public final class DecoderLogits implements LogitSource {
  /** Maximum rows of logits in memory. */
  private static final int CHUNK = 64;

  private final Decoder decoder;
  private final DecoderSequences sequences;

  public DecoderLogits(Decoder decoder) {
    this.decoder = decoder;
    this.sequences = new DecoderSequences(decoder);
  }

  @Override
  public int vocabulary() {
    return decoder.spec().vocabulary();
  }

  @Override
  public void run(int[] window, RowConsumer rows) {
    try (DecoderSequences.Sequence sequence = sequences.open()) {
      for (int from = 0; from < window.length; from += CHUNK) {
        int[] tokens = Arrays.copyOfRange(window, from, Math.min(window.length, from + CHUNK));
        List<Decoder.Logits> logits =
            decoder.step(List.of(sequence.append(tokens, Decoder.Wanted.ALL))).get(0);
        for (int i = 0; i < logits.size(); i++) {
          rows.row(from + i, logits.get(i).values());
        }
      }
    }
  }

  @Override
  public void close() {
    decoder.close();
  }
}
