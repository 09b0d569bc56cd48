package io.calm.serving.reply;

import io.calm.generate.GeneratedToken;
import java.util.List;

/**
 * Events to text, for one request. An implementation may keep state; it is used by one thread.
 *
 * <p>What a streaming method returns ends on a whole line; the empty string sends nothing.
 */
public interface ReplyFormat {

  /** Returns the Content-Type of a good answer. */
  String contentType();

  /** Returns whether tokens are sent as they come. */
  boolean streamed();

  /** Streamed: a token, which {@code sequence} holds already. */
  String token(Sequence sequence, GeneratedToken token);

  /** Streamed: the end of one sequence. */
  String finished(Sequence sequence);

  /** Streamed: the end of all. */
  String end(List<Sequence> sequences);

  /** Streamed: an error after the first token; nothing follows. */
  String failed(ApiException error);

  /** Not streamed: the whole body. */
  String whole(List<Sequence> sequences);

  /** Returns the shape of an error that comes before anything was sent. */
  ErrorBody errors();
}
