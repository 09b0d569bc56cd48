package io.calm.serving.reply;

import io.calm.generate.GeneratedToken;
import java.util.List;

/**
 * Converts the events of one request to text. An implementation may keep state; it is used by one
 * thread.
 *
 * <p>The text of a streaming method ends with a whole line; the empty string sends nothing.
 */
public interface ReplyFormat {

  /** Returns the Content-Type of a successful answer. */
  String contentType();

  /** Returns whether tokens are sent as they are generated. */
  boolean streamed();

  /** Returns the text for a streamed token, which {@code sequence} already contains. */
  String token(ReplySequence sequence, GeneratedToken token);

  /** Returns the text for the end of a streamed sequence. */
  String finished(ReplySequence sequence);

  /** Returns the text for the end of the stream. */
  String end(List<ReplySequence> sequences);

  /** Returns the text for an error after the first token, which ends the stream. */
  String failed(ApiException error);

  /** Returns the body of an answer that is not streamed. */
  String whole(List<ReplySequence> sequences);

  /** Returns the shape of an error that occurs before anything is sent. */
  ErrorBody errors();
}
