package io.calm.host;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.DuplexChannel;
import java.util.concurrent.TimeUnit;

/**
 * Closes a connection whose client may still be sending. Closed at once, the system would answer
 * those bytes with a reset, which takes the last answer away from the client before it has read it.
 * So the server's side ends first, and what comes is read and dropped for a moment.
 */
@SuppressWarnings("FutureReturnValueIgnored") // the connection ends whatever becomes of it
final class LastWords {
  private static final long MOMENT_MILLIS = 1000;

  private boolean spoken;

  boolean spoken() {
    return spoken;
  }

  /** Ends the server's side, and the connection after a moment; the second call at once. */
  void speak(ChannelHandlerContext context, ChannelPromise promise) {
    if (spoken || !(context.channel() instanceof DuplexChannel channel) || !channel.isActive()) {
      context.close(promise);
      return;
    }
    spoken = true;
    channel.shutdownOutput();
    context.executor().schedule(() -> context.close(promise), MOMENT_MILLIS, TimeUnit.MILLISECONDS);
  }
}
