package io.calm.serving.http;

import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;

/** The server's way of sending responses, which may log them and add headers. Any thread. */
public interface Responses {

  /** Sends responses unchanged. */
  Responses PLAIN = new Plain();

  /** Returns the id of a request that has not been answered, for the log. */
  String requestId(ChannelHandlerContext context, HttpRequest request);

  /**
   * Sends a whole response.
   *
   * @param keepAlive false to close the channel after it
   */
  void whole(ChannelHandlerContext context, FullHttpResponse response, boolean keepAlive);

  /**
   * Sends the head of a response whose content follows. Does not close the channel.
   *
   * @param keepAlive whether the channel stays open after the content
   */
  void head(ChannelHandlerContext context, HttpResponse response, boolean keepAlive);

  /** Adds only the header {@code Connection}. */
  @SuppressWarnings("FutureReturnValueIgnored") // a write that fails closes the channel
  final class Plain implements Responses {
    private Plain() {}

    @Override
    public String requestId(ChannelHandlerContext context, HttpRequest request) {
      return request.headers().get("x-request-id", "without id");
    }

    @Override
    public void whole(ChannelHandlerContext context, FullHttpResponse response, boolean keepAlive) {
      connection(response, keepAlive);
      var written = context.writeAndFlush(response);
      if (!keepAlive) {
        written.addListener(ChannelFutureListener.CLOSE);
      }
    }

    @Override
    public void head(ChannelHandlerContext context, HttpResponse response, boolean keepAlive) {
      connection(response, keepAlive);
      context.write(response, context.newPromise());
    }

    private static void connection(HttpResponse response, boolean open) {
      response
          .headers()
          .set(
              HttpHeaderNames.CONNECTION,
              open ? HttpHeaderValues.KEEP_ALIVE : HttpHeaderValues.CLOSE);
    }
  }
}
