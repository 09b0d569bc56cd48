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
 * A reply on DJL Serving's own routes. DJL Serving sends the status and the Content-Type as soon as
 * it gets an {@link Output}, so the output is held back until the reply begins. A whole reply is an
 * output with its own status. A streamed reply is an output with an open body, available at its
 * first token; later errors appear in the body only.
 */
final class DeferredReply implements ReplySink {
  private final CompletableFuture<Output> output = new CompletableFuture<>();
  private final BufferedPublisher publisher = new BufferedPublisher();

  /**
   * Waits until the reply begins.
   *
   * @throws TimeoutException if it does not begin in time
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

  /** Returns the output of a whole reply. */
  static Output output(int status, String contentType, Map<String, String> headers, byte[] body) {
    Output whole = new Output(status, HttpResponseStatus.valueOf(status).reasonPhrase());
    headers.forEach(whole::addProperty);
    whole.addProperty("Content-Type", contentType);
    whole.add(body);
    return whole;
  }

  @Override
  public void begin(String contentType, Map<String, String> headers) {
    Output streamed = new Output(HttpResponseStatus.OK.code(), "OK");
    headers.forEach(streamed::addProperty);
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
