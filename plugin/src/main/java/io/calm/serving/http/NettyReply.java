package io.calm.serving.http;

import io.calm.serving.reply.PreparedReply.Running;
import io.calm.serving.reply.ReplySink;
import io.calm.text.Printable;
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
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Writes one answer to a channel, from one thread at a time. The generation is paused while more
 * than {@link #PAUSE_AT} bytes wait for a slow reader, and cancelled when {@link SlowReaderTimeout}
 * disconnects it. The bytes that wait have no other limit: a pause takes effect after the current
 * step, and the pieces of one step are at most as long as the same answer without streaming. A
 * stream that begins with a large prompt is written later than its steps; then all of its answer
 * may wait, of the same length at most.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a failed write closes the channel
final class NettyReply implements ReplySink {
  static final long PAUSE_AT = 64L << 10;
  static final long RESUME_AT = 16L << 10;

  /** The date format of RFC 9110, 5.6.7. */
  private static final DateTimeFormatter HTTP_DATE =
      DateTimeFormatter.ofPattern("EEE, dd MMM yyyy HH:mm:ss 'GMT'", Locale.ENGLISH)
          .withZone(ZoneOffset.UTC);

  private final ChannelHandlerContext context;
  private final Responses responses;
  private final boolean keepAlive;
  private final boolean chunked;
  private final boolean headOnly;
  private final String requestId;
  private final AtomicLong held = new AtomicLong();
  private final ChannelFutureListener hangup = closed -> gone();
  private boolean gone;
  private boolean paused;
  private Optional<HeldBody> body = Optional.empty();
  private Optional<Running> running = Optional.empty();

  NettyReply(ChannelHandlerContext context, HttpRequest request, Responses responses) {
    this.context = context;
    this.responses = responses;
    this.chunked = request.protocolVersion().isKeepAliveDefault();
    this.keepAlive = HttpUtil.isKeepAlive(request);
    this.headOnly = HttpMethod.HEAD.equals(request.method());
    this.requestId = Printable.of(responses.requestId(context, request));
    context.channel().closeFuture().addListener(hangup);
  }

  /** Returns the request's id for a log line. */
  String requestId() {
    return requestId;
  }

  /**
   * Attaches the request's body, which is dropped when the client hangs up: the charge for it ends
   * then, although its turn to be read may be far off.
   */
  synchronized void attach(HeldBody requestBody) {
    body = Optional.of(requestBody);
    if (gone) {
      requestBody.drop();
    }
  }

  /** Sets the {@link SlowReaderTimeout} of this answer, before its first byte. */
  void slowReaderTimeout(Duration timeout) {
    context.channel().attr(SlowReaderTimeout.OF_MODEL).set(timeout);
  }

  /**
   * Attaches the generation of this answer. It is cancelled when the client hangs up, immediately
   * if it already has, and paused while the client does not read.
   */
  synchronized void attach(Running reply) {
    running = Optional.of(reply);
    if (gone) {
      reply.cancel();
    } else if (paused) {
      reply.pause();
    }
  }

  /** Returns whether the client has hung up. */
  synchronized boolean isGone() {
    return gone;
  }

  private synchronized void gone() {
    gone = true;
    body.ifPresent(HeldBody::drop);
    running.ifPresent(Running::cancel);
  }

  private synchronized void pause() {
    if (paused || gone || held.get() <= RESUME_AT) {
      return;
    }
    paused = true;
    running.ifPresent(Running::pause);
  }

  private synchronized void resume() {
    if (paused) {
      paused = false;
      running.ifPresent(Running::resume);
    }
  }

  @Override
  public void full(int status, String contentType, Map<String, String> headers, byte[] body) {
    FullHttpResponse response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1,
            HttpResponseStatus.valueOf(status),
            headOnly ? Unpooled.EMPTY_BUFFER : Unpooled.wrappedBuffer(body));
    headers.forEach(response.headers()::set);
    if (status != HttpResponseStatus.NO_CONTENT.code()
        && status != HttpResponseStatus.NOT_MODIFIED.code()) {
      response.headers().set(HttpHeaderNames.CONTENT_TYPE, contentType);
      HttpUtil.setContentLength(response, body.length);
    }
    date(response);
    context.channel().closeFuture().removeListener(hangup);
    responses.whole(context, response, keepAlive);
  }

  @Override
  public void begin(String contentType, Map<String, String> headers) {
    HttpResponse response = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
    headers.forEach(response.headers()::set);
    response.headers().set(HttpHeaderNames.CONTENT_TYPE, contentType);
    response.headers().set(HttpHeaderNames.CACHE_CONTROL, HttpHeaderValues.NO_CACHE);
    date(response);
    if (chunked) {
      HttpUtil.setTransferEncodingChunked(response, true);
    }
    responses.head(context, response, streamKeepsAlive());
  }

  private static void date(HttpResponse response) {
    response.headers().set(HttpHeaderNames.DATE, HTTP_DATE.format(Instant.now()));
  }

  @Override
  public void write(byte[] bytes) {
    if (!context.channel().isActive()) {
      return;
    }
    int size = bytes.length;
    long now = held.addAndGet(size);
    context
        .writeAndFlush(new DefaultHttpContent(Unpooled.wrappedBuffer(bytes)))
        .addListener(done -> taken(size));
    if (now > PAUSE_AT) {
      pause();
    }
  }

  private void taken(int bytes) {
    if (held.addAndGet(-bytes) <= RESUME_AT) {
      resume();
    }
  }

  @Override
  public void end() {
    context.channel().closeFuture().removeListener(hangup);
    ChannelFuture written = context.writeAndFlush(LastHttpContent.EMPTY_LAST_CONTENT);
    if (!streamKeepsAlive()) {
      written.addListener(ChannelFutureListener.CLOSE);
    }
  }

  /**
   * Returns whether the connection outlives the stream; that of HTTP/1.0, without chunks, does not.
   */
  private boolean streamKeepsAlive() {
    return keepAlive && chunked;
  }
}
