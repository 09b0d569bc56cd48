package io.calm.serving.reply;

import java.util.Map;

/**
 * The destination of an answer's bytes: either {@link #full} alone, or {@link #begin}, any number
 * of {@link #write}, then {@link #end}. Called in this order; never blocks, even if the client is
 * slow or gone.
 */
public interface ReplySink {

  /**
   * Reports the request's first token or, without one, its end. Called once, before anything is
   * sent.
   */
  default void started() {}

  /** Sends a whole answer. */
  void full(int status, String contentType, Map<String, String> headers, byte[] body);

  /** Starts a streamed answer, with status 200. */
  void begin(String contentType, Map<String, String> headers);

  /** Sends a piece, which ends with a whole character. */
  void write(byte[] bytes);

  /** Ends a streamed answer. */
  void end();
}
