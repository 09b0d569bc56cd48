package io.calm.host;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/**
 * A timeout for the arrival of a request, from its first byte to its last. Fires {@link
 * Event#TOO_SLOW}, even if bytes keep arriving. Placed before the decoder.
 */
final class RequestDeadline extends ChannelInboundHandlerAdapter {
  /** An event fired by this handler. */
  enum Event {
    TOO_SLOW
  }

  private final Duration timeout;
  private final StrictRequestDecoder decoder;
  private Optional<Future<?>> timer = Optional.empty();
  private long measured;

  RequestDeadline(Duration timeout, StrictRequestDecoder decoder) {
    this.timeout = timeout;
    this.decoder = decoder;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    context.fireChannelRead(message);
    boolean running = timer.isPresent() && measured == decoder.completed();
    if (!running || !decoder.midRequest()) {
      stop();
    }
    if (!running && decoder.midRequest()) {
      measured = decoder.completed();
      start(context);
    }
  }

  private void start(ChannelHandlerContext context) {
    timer =
        Optional.of(
            context
                .executor()
                .schedule(() -> end(context), timeout.toMillis(), TimeUnit.MILLISECONDS));
  }

  /** Fires the event, or restarts the timer if reading was paused and the client could not send. */
  private void end(ChannelHandlerContext context) {
    if (context.channel().config().isAutoRead()) {
      context.fireUserEventTriggered(Event.TOO_SLOW);
    } else {
      start(context);
    }
  }

  private void stop() {
    timer.ifPresent(running -> running.cancel(false));
    timer = Optional.empty();
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    stop();
    context.fireChannelInactive();
  }
}
