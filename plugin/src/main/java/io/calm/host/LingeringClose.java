package io.calm.host;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.DuplexChannel;
import java.util.concurrent.TimeUnit;

/**
 * Closes a connection whose client may still be sending. After an immediate close, the operating
 * system would answer further bytes with a reset, and the client would lose an answer that it has
 * not read yet. So the sending side is closed first, and input is dropped for one second.
 */
@SuppressWarnings("FutureReturnValueIgnored") // the connection ends whatever becomes of it
final class LingeringClose {
  private static final long MOMENT_MILLIS = 1000;

  private boolean begun;

  boolean begun() {
    return begun;
  }

  /** Ends the server's side, then the connection after a moment; a second call ends it at once. */
  void begin(ChannelHandlerContext context, ChannelPromise promise) {
    if (begun || !(context.channel() instanceof DuplexChannel channel) || !channel.isActive()) {
      context.close(promise);
      return;
    }
    begun = true;
    channel.shutdownOutput();
    context.executor().schedule(() -> context.close(promise), MOMENT_MILLIS, TimeUnit.MILLISECONDS);
  }
}
