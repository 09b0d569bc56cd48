package io.calm.host;

import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * Detects disconnected clients among those that closed their sending side. A client that still
 * waits for its response looks the same until something is sent to it. If no response begins within
 * {@link #FIRST_MILLIS}, the probe sends {@code 100 Continue}, which HTTP/1.1 clients must ignore.
 * HTTP/1.0 does not have it, so those clients are not probed. The operating system of a
 * disconnected client replies with a reset; the next probe then fails and closes the channel. A
 * generation on the same network is therefore cancelled after twice {@link #FIRST_MILLIS}. The
 * intervals double, so that a waiting client gets few probes.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a failed write closes the channel
final class HangUpProbe {
  private static final long FIRST_MILLIS = 50;
  private static final long MAX_MILLIS = 15_000;

  private boolean possible;
  private boolean answering;
  private Optional<Future<?>> next = Optional.empty();

  /** Resets the probe for the next request. */
  void begin(HttpRequest request) {
    possible = request.protocolVersion().compareTo(HttpVersion.HTTP_1_1) >= 0;
    answering = false;
  }

  /** Returns whether the response has begun; from then on its writes detect a disconnect. */
  boolean isAnswering() {
    return answering;
  }

  /** Starts probing unless the response has begun. */
  void start(ChannelHandlerContext context) {
    schedule(context, FIRST_MILLIS, FIRST_MILLIS);
  }

  private void schedule(ChannelHandlerContext context, long delay, long after) {
    if (possible && !answering && next.isEmpty()) {
      next =
          Optional.of(
              context
                  .executor()
                  .schedule(() -> send(context, after), delay, TimeUnit.MILLISECONDS));
    }
  }

  private void send(ChannelHandlerContext context, long delay) {
    next = Optional.empty();
    if (possible && !answering && context.channel().isActive()) {
      context.writeAndFlush(
          new DefaultFullHttpResponse(
              HttpVersion.HTTP_1_1, HttpResponseStatus.CONTINUE, Unpooled.EMPTY_BUFFER));
      schedule(context, delay, Math.min(2 * delay, MAX_MILLIS));
    }
  }

  /** Stops probing, because the response has begun or the connection has ended. */
  void end() {
    answering = true;
    next.ifPresent(timer -> timer.cancel(false));
    next = Optional.empty();
  }
}
