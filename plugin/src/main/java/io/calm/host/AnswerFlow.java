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
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A limit on the unread answers of a connection. Closes the connection if its client reads less
 * than {@link #MIN_BYTES} within the slow reader timeout while more is pending, or if the pending
 * answers of all connections would exceed their shared budget. Placed before the encoder.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a write that fails closes the channel, which tells
final class AnswerFlow extends ChannelOutboundHandlerAdapter {
  static final long MIN_BYTES = 64L << 10;

  private static final Logger logger = LoggerFactory.getLogger(AnswerFlow.class);

  private final ByteBudget budget;
  private final Duration patience;
  private long waiting;
  private long taken;
  private boolean watching;

  /**
   * @param patience the slow reader timeout if the answer's model has none
   */
  AnswerFlow(ByteBudget budget, Duration patience) {
    this.budget = budget;
    this.patience = patience;
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
      String reason = "answers that wait to be read hold %d bytes already".formatted(budget.max());
      logger.warn("cut off {}: {}", context.channel().remoteAddress(), reason);
      promise.tryFailure(new IOException(reason));
      context.close();
      return;
    }
    waiting += size;
    context
        .write(message, promise.unvoid())
        .addListener(
            done -> {
              budget.give(size);
              waiting -= size;
              taken += size;
            });
    if (waiting > 0 && !watching) {
      watching = true;
      watch(context, taken, waiting);
    }
  }

  private void watch(ChannelHandlerContext context, long positionBefore, long waitingBefore) {
    Duration period =
        Optional.ofNullable(context.channel().attr(CalmHttpHandler.PATIENCE).get())
            .orElse(patience);
    context
        .executor()
        .schedule(
            () -> check(context, positionBefore, waitingBefore),
            period.toMillis(),
            TimeUnit.MILLISECONDS);
  }

  private void check(ChannelHandlerContext context, long positionBefore, long waitingBefore) {
    if (waiting == 0 || !context.channel().isActive()) {
      watching = false;
      return;
    }
    ChannelOutboundBuffer buffer = context.channel().unsafe().outboundBuffer();
    long position = taken + (buffer == null ? 0 : buffer.currentProgress());
    if (position - positionBefore < Math.min(MIN_BYTES, waitingBefore)) {
      logger.info(
          "disconnected {}: it did not read {} bytes of its answer",
          context.channel().remoteAddress(),
          waiting);
      context.close();
    } else {
      watch(context, position, waiting);
    }
  }
}
