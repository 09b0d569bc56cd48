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
 * Detects whether a client that ended its side of the connection has hung up. A client that waits
 * for its answer and one that hung up look the same until something is sent to them. If an answer
 * does not begin soon, {@code 100 Continue} is sent, which HTTP/1.1 clients must ignore. The system
 * of a client that hung up answers it with a reset; the next write then fails and closes the
 * channel.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a write that fails closes the channel, which tells
final class HangUpProbe {
  private static final long FIRST_MILLIS = 1000;
  private static final long MAX_MILLIS = 15_000;

  private boolean possible;
  private boolean answering;
  private Optional<Future<?>> next = Optional.empty();

  /** Records the request that is to be answered. */
  void begin(HttpRequest request) {
    possible = request.protocolVersion().compareTo(HttpVersion.HTTP_1_1) >= 0;
    answering = false;
  }

  /** Returns whether the answer has begun: writing it tells. */
  boolean isAnswering() {
    return answering;
  }

  /** Starts the probe, which sends until the answer begins. */
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

  /** Stops: the answer has begun, or the connection has ended. */
  void end() {
    answering = true;
    next.ifPresent(timer -> timer.cancel(false));
    next = Optional.empty();
  }
}
