package io.calm.serving.reply;

import java.util.Map;

/**
 * Where the bytes of one answer go: either {@link #full} alone, or {@link #begin}, any number of
 * {@link #write}, {@link #end}. Called in order; never blocks, also when the client is slow or
 * gone.
 */
public interface ReplySink {

  /**
   * Hears that the request has got its turn: its first token is there, or its end. Called once,
   * before anything is sent.
   */
  default void started() {}

  /** Sends a whole answer. */
  void full(int status, String contentType, Map<String, String> headers, byte[] body);

  /** Starts a streamed answer, with status 200. */
  void begin(String contentType);

  /** Sends a piece, which ends on a whole character. */
  void write(byte[] bytes);

  /** Ends a streamed answer. */
  void end();
}
