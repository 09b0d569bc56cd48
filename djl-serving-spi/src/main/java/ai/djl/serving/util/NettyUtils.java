package ai.djl.serving.util;

import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.HttpResponse;

/** Helpers that send the server's responses. */
public final class NettyUtils {
  private NettyUtils() {}

  /** Returns the id of the request that the channel is answering; null if there is none. */
  public static native String getRequestId(Channel channel);

  /** Sends JSON with status 200. */
  public static native void sendJsonResponse(ChannelHandlerContext ctx, String json);

  /**
   * Writes a response, or the head of a chunked one, to the access log and the channel, with the
   * request's id and the headers of the server's configuration; flushes.
   *
   * @param keepAlive false closes the channel after it
   * @param closeOnError true closes the channel after statuses from 400 on
   */
  public static native void sendHttpResponse(
      ChannelHandlerContext ctx, HttpResponse resp, boolean keepAlive, boolean closeOnError);
}
