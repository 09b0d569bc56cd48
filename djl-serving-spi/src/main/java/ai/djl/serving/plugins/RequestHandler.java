package ai.djl.serving.plugins;

import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.QueryStringDecoder;

/** An HTTP handler that a plugin exports and that runs before the built-in ones. */
public interface RequestHandler<T> {

  /** Returns whether this handler answers {@code msg}. */
  boolean acceptInboundMessage(Object msg);

  /** Answers a request. Returns a value to send as JSON, or null if the handler responds itself. */
  T handleRequest(
      ChannelHandlerContext ctx,
      FullHttpRequest req,
      QueryStringDecoder decoder,
      String[] segments);
}
