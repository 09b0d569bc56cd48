package io.calm.serving.djl;

import io.calm.serving.reply.ReplySink;
import java.util.Map;

/**
 * A reply to a stream whose status and Content-Type DJL Serving has already sent. Errors appear in
 * the body only.
 */
final class PublisherReply implements ReplySink {
  private final BufferedPublisher publisher;

  PublisherReply(BufferedPublisher publisher) {
    this.publisher = publisher;
  }

  @Override
  public void full(int status, String contentType, Map<String, String> headers, byte[] body) {
    publisher.appendContent(body, true);
  }

  @Override
  public void begin(String contentType, Map<String, String> headers) {}

  @Override
  public void write(byte[] bytes) {
    publisher.appendContent(bytes, false);
  }

  @Override
  public void end() {
    publisher.appendContent(new byte[0], true);
  }
}
