package io.calm.bench;

import java.io.IOException;

/** Another runtime with a model of the same shape. */
public interface PeerModel extends AutoCloseable {
  /** Returns the name that ratios to it bear. */
  String name();

  /**
   * Returns tokens a second of {@code steps} steps of one sequence, after {@link
   * DecoderBench#CONTEXT} tokens.
   */
  double decode(int steps) throws IOException;

  /** Returns tokens a second of a prompt that is run at once. */
  double prefill(int tokens) throws IOException;

  @Override
  void close() throws IOException;
}
