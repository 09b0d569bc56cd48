package io.calm.host;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.DuplexChannel;
import java.util.concurrent.TimeUnit;

/**
 * Closes a connection whose client may still be sending. If it were closed at once, the system
 * would answer those bytes with a reset, and the client would lose the last answer before reading
 * it. So the server's side ends first, and input is read and dropped for a moment.
 */
@SuppressWarnings("FutureReturnValueIgnored") // the connection ends whatever becomes of it
final class LastWords {
  private static final long MOMENT_MILLIS = 1000;

  private boolean spoken;

  boolean spoken() {
    return spoken;
  }

  /** Ends the server's side, then the connection after a moment; a second call ends it at once. */
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
