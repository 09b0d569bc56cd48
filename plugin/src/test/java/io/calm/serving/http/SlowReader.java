package io.calm.serving.http;

import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import java.util.ArrayDeque;
import java.util.Queue;

/** A client that reads what a test lets it: holds what is written until then. */
@SuppressWarnings("FutureReturnValueIgnored") // the promise is the writer's
final class SlowReader extends ChannelOutboundHandlerAdapter {
  private final Queue<Runnable> waiting = new ArrayDeque<>();

  @Override
  public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
    waiting.add(() -> context.writeAndFlush(message, promise));
  }

  /** Reads everything. */
  void read() {
    while (!waiting.isEmpty()) {
      waiting.remove().run();
    }
  }

  /** Reads the next messages. */
  void read(int messages) {
    for (int i = 0; i < messages; i++) {
      waiting.remove().run();
    }
  }
}
