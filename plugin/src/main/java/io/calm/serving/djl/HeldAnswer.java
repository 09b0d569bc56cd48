package io.calm.serving.djl;

import ai.djl.modality.Output;
import io.calm.serving.reply.ReplySink;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * An answer for DJL Serving's own routes, which send status and Content-Type as soon as they have
 * an output: so there is none before the answer has begun. A whole answer is an output with its
 * status; a streamed one an open stream, given at its first token, whose later errors the body
 * alone can tell.
 */
final class HeldAnswer implements ReplySink {
  private final CompletableFuture<Output> output = new CompletableFuture<>();
  private final BufferedPublisher publisher = new BufferedPublisher();

  /**
   * Waits for the beginning.
   *
   * @throws TimeoutException if it does not come within so many milliseconds
   */
  Output await(long millis) throws InterruptedException, TimeoutException {
    try {
      return output.get(millis, TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw new IllegalStateException("never fails", e);
    }
  }

  @Override
  public void full(int status, String contentType, Map<String, String> headers, byte[] body) {
    output.complete(output(status, contentType, headers, body));
  }

  /** Returns a whole answer. */
  static Output output(int status, String contentType, Map<String, String> headers, byte[] body) {
    Output whole = new Output(status, HttpResponseStatus.valueOf(status).reasonPhrase());
    headers.forEach(whole::addProperty);
    whole.addProperty("Content-Type", contentType);
    whole.add(body);
    return whole;
  }

  @Override
  public void begin(String contentType) {
    Output streamed = new Output(HttpResponseStatus.OK.code(), "OK");
    streamed.addProperty("Content-Type", contentType);
    streamed.add(publisher);
    output.complete(streamed);
  }

  @Override
  public void write(byte[] bytes) {
    publisher.appendContent(bytes, false);
  }

  @Override
  public void end() {
    publisher.appendContent(new byte[0], true);
  }
}
