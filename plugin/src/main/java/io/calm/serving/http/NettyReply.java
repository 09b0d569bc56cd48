package io.calm.serving.http;

import io.calm.serving.api.PreparedReply.Running;
import io.calm.serving.api.ReplySink;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes one answer to a channel, from any one thread at a time. What a slow reader has not taken
 * yet is held up to {@link #MOST_HELD} bytes; then the connection is cut, which cancels the
 * generation as a hang-up does.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a write that fails closes the channel, which tells
final class NettyReply implements ReplySink {
  static final long MOST_HELD = 1L << 20;

  private static final Logger logger = LoggerFactory.getLogger(NettyReply.class);

  private final ChannelHandlerContext context;
  private final Responses responses;
  private final boolean keepAlive;
  private final boolean chunked;
  private final AtomicLong held = new AtomicLong();
  private final ChannelFutureListener hangup = closed -> gone();
  private boolean gone;
  private Optional<Running> running = Optional.empty();

  NettyReply(ChannelHandlerContext context, HttpRequest request, Responses responses) {
    this.context = context;
    this.responses = responses;
    this.chunked = request.protocolVersion().isKeepAliveDefault();
    this.keepAlive = HttpUtil.isKeepAlive(request);
    context.channel().closeFuture().addListener(hangup);
  }

  /** Cancels {@code reply} when the client hangs up before its end; at once if it has. */
  synchronized void cancelsOnHangup(Running reply) {
    running = Optional.of(reply);
    if (gone) {
      reply.cancel();
    }
  }

  private synchronized void gone() {
    gone = true;
    running.ifPresent(Running::cancel);
  }

  @Override
  public void full(int status, String contentType, Map<String, String> headers, byte[] body) {
    FullHttpResponse response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1, HttpResponseStatus.valueOf(status), Unpooled.wrappedBuffer(body));
    headers.forEach(response.headers()::set);
    response.headers().set(HttpHeaderNames.CONTENT_TYPE, contentType);
    HttpUtil.setContentLength(response, body.length);
    context.channel().closeFuture().removeListener(hangup);
    responses.whole(context, response, keepAlive);
  }

  @Override
  public void begin(String contentType) {
    HttpResponse response = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
    response.headers().set(HttpHeaderNames.CONTENT_TYPE, contentType);
    response.headers().set(HttpHeaderNames.CACHE_CONTROL, HttpHeaderValues.NO_CACHE);
    if (chunked) {
      HttpUtil.setTransferEncodingChunked(response, true);
    }
    responses.head(context, response, streamKeepsAlive());
  }

  @Override
  public void write(byte[] bytes) {
    if (!context.channel().isActive()) {
      return;
    }
    if (held.addAndGet(bytes.length) > MOST_HELD) {
      logger.info("cut {}: {} bytes behind", context.channel().remoteAddress(), held.get());
      context.close();
      return;
    }
    context
        .writeAndFlush(new DefaultHttpContent(Unpooled.wrappedBuffer(bytes)))
        .addListener(done -> held.addAndGet(-bytes.length));
  }

  @Override
  public void end() {
    context.channel().closeFuture().removeListener(hangup);
    ChannelFuture written = context.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT);
    if (!streamKeepsAlive()) {
      written.addListener(ChannelFutureListener.CLOSE);
    }
  }

  /** A client of HTTP/1.0 knows no chunks: the end of the connection ends its stream. */
  private boolean streamKeepsAlive() {
    return keepAlive && chunked;
  }
}
