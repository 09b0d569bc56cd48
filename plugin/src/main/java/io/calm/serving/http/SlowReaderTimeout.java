package io.calm.serving.http;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelException;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelOutboundBuffer;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPipeline;
import io.netty.channel.ChannelPromise;
import io.netty.util.AttributeKey;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A timeout for clients that do not read, the same for streams and whole responses. Closes the
 * connection if the client takes neither {@link #MIN_BYTES} nor all that was pending within the
 * timeout. Placed first, where messages are the bytes of the connection.
 *
 * <p>A connection has at most one timer, and none after it closed: a timer keeps the channel and
 * all its handlers in memory.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a failed write closes the channel
public final class SlowReaderTimeout extends ChannelOutboundHandlerAdapter {
  /** The slow reader timeout of the model that answers on a channel, if any. */
  public static final AttributeKey<Duration> OF_MODEL =
      AttributeKey.valueOf("calm.slow-reader-timeout");

  static final long MIN_BYTES = 64L << 10;

  /**
   * Size of a connection's send buffer. Bytes count as taken when the system accepts them. Without
   * a limit, Linux lets the buffer grow to 4 MiB and accepts more only when a third of it is free:
   * a client that reads steadily seems to read nothing meanwhile. The memory is also outside of the
   * budget for unread responses. A smaller buffer does not slow down local clients.
   */
  static final int SEND_BUFFER_BYTES = 128 << 10;

  private static final Logger logger = LoggerFactory.getLogger(SlowReaderTimeout.class);

  private final Duration timeout;
  private long pending;
  private long written;
  private Optional<Future<?>> timer = Optional.empty();

  /**
   * @param timeout timeout for responses of models without one of their own
   */
  public SlowReaderTimeout(Duration timeout) {
    this.timeout = timeout;
  }

  /** Adds the timeout to the connection of a server with its own pipeline, unless it has one. */
  public static void addTo(ChannelPipeline pipeline, Duration timeout) {
    if (pipeline.get(SlowReaderTimeout.class) == null) {
      pipeline.addFirst(new SlowReaderTimeout(timeout));
    }
  }

  @Override
  public void handlerAdded(ChannelHandlerContext context) {
    try {
      context.channel().config().setOption(ChannelOption.SO_SNDBUF, SEND_BUFFER_BYTES);
    } catch (ChannelException e) {
      logger.debug("{} has hung up", context.channel().remoteAddress(), e);
    }
  }

  @Override
  public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
    long size = message instanceof ByteBuf bytes ? bytes.readableBytes() : 0;
    if (size == 0) {
      context.write(message, promise);
      return;
    }
    pending += size;
    context
        .write(message, promise.unvoid())
        .addListener(
            done -> {
              pending -= size;
              written += size;
            });
    if (pending > 0 && timer.isEmpty()) {
      watch(context, written, pending);
    }
  }

  private void watch(ChannelHandlerContext context, long takenBefore, long pendingBefore) {
    Duration time = Optional.ofNullable(context.channel().attr(OF_MODEL).get()).orElse(timeout);
    timer =
        Optional.of(
            context
                .executor()
                .schedule(
                    () -> check(context, takenBefore, pendingBefore),
                    time.toMillis(),
                    TimeUnit.MILLISECONDS));
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext context) {
    timer.ifPresent(task -> task.cancel(false));
  }

  private void check(ChannelHandlerContext context, long takenBefore, long pendingBefore) {
    timer = Optional.empty();
    if (pending == 0 || !context.channel().isActive()) {
      return;
    }
    ChannelOutboundBuffer buffer = context.channel().unsafe().outboundBuffer();
    long partly = buffer == null ? 0 : buffer.currentProgress();
    if (written + partly - takenBefore < Math.min(MIN_BYTES, pendingBefore)) {
      logger.info(
          "closing {}: the client did not read {} bytes of its response in time",
          context.channel().remoteAddress(),
          pending - partly);
      context.close();
    } else {
      watch(context, written + partly, pending - partly);
    }
  }
}
