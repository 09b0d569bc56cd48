package io.calm.host;

import io.calm.serving.reply.ByteBudget;
import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.util.ReferenceCountUtil;
import java.io.IOException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A limit on the unread responses of all connections. Closes a connection whose next bytes would
 * exceed the shared budget. Placed before the encoder.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a failed write closes the channel
final class AnswerFlow extends ChannelOutboundHandlerAdapter {
  private static final Logger logger = LoggerFactory.getLogger(AnswerFlow.class);

  private final ByteBudget budget;

  AnswerFlow(ByteBudget budget) {
    this.budget = budget;
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
    context.write(message, promise.unvoid()).addListener(done -> budget.give(size));
  }
}
