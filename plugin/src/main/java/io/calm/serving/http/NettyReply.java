package io.calm.serving.http;

import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.PreparedReply.Running;
import io.calm.serving.reply.ReplySink;
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
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Writes one answer to a channel, from one thread at a time. The generation is paused while more
 * than {@link #PAUSE_AT} bytes wait for a slow reader. A client is disconnected, and its generation
 * cancelled, if it has not read them within the slow reader timeout. The bytes that wait have no
 * other limit: a pause takes effect after the current step, and the pieces of one step are at most
 * as long as the same answer without streaming. A stream that begins with a large prompt is written
 * later than its steps; then all of its answer may wait, of the same length at most.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a failed write closes the channel
final class NettyReply implements ReplySink {
  static final long PAUSE_AT = 64L << 10;
  static final long RESUME_AT = 16L << 10;

  private static final Logger logger = LoggerFactory.getLogger(NettyReply.class);

  /** The date format of RFC 9110, 5.6.7. */
  private static final DateTimeFormatter HTTP_DATE =
      DateTimeFormatter.ofPattern("EEE, dd MMM yyyy HH:mm:ss 'GMT'", Locale.ENGLISH)
          .withZone(ZoneOffset.UTC);

  private final ChannelHandlerContext context;
  private final Responses responses;
  private final boolean keepAlive;
  private final boolean chunked;
  private final boolean headOnly;
  private final AtomicLong held = new AtomicLong();
  private final ChannelFutureListener hangup = closed -> gone();
  private boolean gone;
  private boolean paused;
  private Optional<HeldBody> body = Optional.empty();
  private Optional<Running> running = Optional.empty();
  private Duration pauseTimeout = ServedModel.Limits.DEFAULT.slowReaderTimeout();
  private Optional<Future<?>> end = Optional.empty();

  NettyReply(ChannelHandlerContext context, HttpRequest request, Responses responses) {
    this.context = context;
    this.responses = responses;
    this.chunked = request.protocolVersion().isKeepAliveDefault();
    this.keepAlive = HttpUtil.isKeepAlive(request);
    this.headOnly = HttpMethod.HEAD.equals(request.method());
    context.channel().closeFuture().addListener(hangup);
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

  /**
   * Attaches the generation of this answer. It is cancelled when the client hangs up, immediately
   * if it already has, and paused while the client does not read.
   *
   * @param slowReaderTimeout maximum time of a pause
   */
  synchronized void attach(Running reply, Duration slowReaderTimeout) {
    running = Optional.of(reply);
    pauseTimeout = slowReaderTimeout;
    context.channel().attr(CalmHttpHandler.SLOW_READER_TIMEOUT).set(slowReaderTimeout);
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
    end.ifPresent(timer -> timer.cancel(false));
    body.ifPresent(HeldBody::drop);
    running.ifPresent(Running::cancel);
  }

  private synchronized void pause() {
    if (paused || gone || held.get() <= RESUME_AT) {
      return;
    }
    paused = true;
    running.ifPresent(Running::pause);
    end =
        Optional.of(
            context.executor().schedule(this::cut, pauseTimeout.toMillis(), TimeUnit.MILLISECONDS));
  }

  private synchronized void resume() {
    if (paused) {
      paused = false;
      end.ifPresent(timer -> timer.cancel(false));
      running.ifPresent(Running::resume);
    }
  }

  private void cut() {
    logger.info(
        "disconnected {}: it did not read {} bytes of its answer",
        context.channel().remoteAddress(),
        held.get());
    context.close();
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
