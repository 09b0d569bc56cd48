package io.calm.host;

import io.calm.text.Printable;
import io.calm.text.Urls;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.function.IntConsumer;

/**
 * Gives every response of a connection its request's id, counts it, and logs it if it is an error.
 * Placed where one request is processed at a time.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a failed write closes the channel
final class ResponseRecord extends ChannelDuplexHandler {
  private static final int FIRST_ERROR = 400;

  private final IntConsumer counter;
  private final ErrorLog log;
  private String id = "";
  private HttpRequest request = new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, "/");

  /**
   * @param counter receives the status of every response
   * @param log receives errors
   */
  ResponseRecord(IntConsumer counter, ErrorLog log) {
    this.counter = counter;
    this.log = log;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (message instanceof HttpRequest next) {
      id = RequestId.of(next.headers());
      next.headers().set(RequestId.HEADER, id);
      request = next;
    }
    context.fireChannelRead(message);
  }

  @Override
  public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
    if (message instanceof HttpResponse response
        && response.status().codeClass() != HttpStatusClass.INFORMATIONAL) {
      response.headers().set(RequestId.HEADER, id);
      record(response.status().code(), context);
    }
    context.write(message, promise);
  }

  private void record(int status, ChannelHandlerContext context) {
    counter.accept(status);
    String path = new QueryStringDecoder(request.uri()).rawPath(); // without the host by now
    if (status >= FIRST_ERROR && !ApiKey.isProbe(path)) {
      log.add(
          status,
          "%s %s (request %s, %s)"
              .formatted(
                  Printable.of(request.method()),
                  Printable.of(Urls.withoutSecrets(path)),
                  id,
                  context.channel().remoteAddress()));
    }
  }
}
