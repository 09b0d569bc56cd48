package io.calm.host;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.DuplexChannel;
import java.util.concurrent.TimeUnit;

/**
 * Closes a connection with a client that may still be sending. After an immediate close, the
 * operating system would reply to further bytes with a reset, and the client would lose a response
 * that it has not read yet. The sending side is therefore closed first, and input is discarded for
 * one second.
 */
@SuppressWarnings("FutureReturnValueIgnored") // the connection is closed in any case
final class LingeringClose {
  private static final long LINGER_MILLIS = 1000;

  private boolean started;

  /** Returns whether the close has begun. */
  boolean isStarted() {
    return started;
  }

  /** Closes the sending side, and the connection a second later; a second call closes it now. */
  void close(ChannelHandlerContext context, ChannelPromise promise) {
    if (started || !(context.channel() instanceof DuplexChannel channel) || !channel.isActive()) {
      context.close(promise);
      return;
    }
    started = true;
    channel.shutdownOutput();
    context.executor().schedule(() -> context.close(promise), LINGER_MILLIS, TimeUnit.MILLISECONDS);
  }
}
