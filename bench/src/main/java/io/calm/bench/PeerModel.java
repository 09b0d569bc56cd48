package io.calm.bench;

import java.io.IOException;

/** A model of the same shape in another runtime. */
public interface PeerModel extends AutoCloseable {
  /** Returns the name of the runtime in figures. */
  String name();

  /**
   * Returns the tokens per second of {@code steps} steps of one sequence, after {@link
   * DecoderBench#CONTEXT} tokens.
   */
  double decode(int steps) throws IOException;

  /** Returns the tokens per second of a prompt in one step. */
  double prefill(int tokens) throws IOException;

  @Override
  void close() throws IOException;
}
