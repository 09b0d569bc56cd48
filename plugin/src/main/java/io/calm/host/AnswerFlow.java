package io.calm.host;

import io.calm.serving.http.CalmHttpHandler;
import io.calm.serving.reply.ByteBudget;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A limit on the unread responses of a connection. Closes the connection if the client reads less
 * than {@link #MIN_BYTES} within the slow reader timeout while more is pending, or if the pending
 * responses of all connections would exceed their shared budget. Placed before the encoder.
 *
 * <p>A connection has at most one timer, and none after it closed: a timer keeps the channel and
 * all its handlers in memory.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a failed write closes the channel
final class AnswerFlow extends ChannelOutboundHandlerAdapter {
  static final long MIN_BYTES = 64L << 10;

  private static final Logger logger = LoggerFactory.getLogger(AnswerFlow.class);

  private final ByteBudget budget;
  private final Duration slowReaderTimeout;
  private long pending;
  private long written;
  private Optional<Future<?>> timer = Optional.empty();

  /**
   * @param slowReaderTimeout timeout for responses of models without one of their own
   */
  AnswerFlow(ByteBudget budget, Duration slowReaderTimeout) {
    this.budget = budget;
    this.slowReaderTimeout = slowReaderTimeout;
  }

  @Override
  public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
    long size = message instanceof ByteBuf bytes ? bytes.readableBytes() : 0;
    if (size == 0) {
      context.write(message, promise);
      return;
    }
    if (!budget.take(size)) {
      ReferenceCountUtil.release(message);
      String reason =
          "unread responses already use the maximum of %d bytes".formatted(budget.max());
      logger.warn("closing {}: {}", context.channel().remoteAddress(), reason);
      promise.tryFailure(new IOException(reason));
      context.close();
      return;
    }
    pending += size;
    context
        .write(message, promise.unvoid())
        .addListener(
            done -> {
              budget.give(size);
              pending -= size;
              written += size;
            });
    if (pending > 0 && timer.isEmpty()) {
      watch(context, written, pending);
    }
  }

  private void watch(ChannelHandlerContext context, long positionBefore, long pendingBefore) {
    Duration timeout =
        Optional.ofNullable(context.channel().attr(CalmHttpHandler.SLOW_READER_TIMEOUT).get())
            .orElse(slowReaderTimeout);
    timer =
        Optional.of(
            context
                .executor()
                .schedule(
                    () -> check(context, positionBefore, pendingBefore),
                    timeout.toMillis(),
                    TimeUnit.MILLISECONDS));
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext context) {
    timer.ifPresent(task -> task.cancel(false));
  }

  private void check(ChannelHandlerContext context, long positionBefore, long pendingBefore) {
    timer = Optional.empty();
    if (pending == 0 || !context.channel().isActive()) {
      return;
    }
    ChannelOutboundBuffer buffer = context.channel().unsafe().outboundBuffer();
    long position = written + (buffer == null ? 0 : buffer.currentProgress());
    if (position - positionBefore < Math.min(MIN_BYTES, pendingBefore)) {
      logger.info(
          "closing {}: the client did not read {} bytes of its response in time",
          context.channel().remoteAddress(),
          pending);
      context.close();
    } else {
      watch(context, position, pending);
    }
  }
}
