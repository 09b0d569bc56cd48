package io.calm.serving.djl;

import ai.djl.metric.Metric;
import ai.djl.serving.util.NettyUtils;
import io.calm.serving.http.Responses;
import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelException;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelOption;
import io.netty.channel.group.ChannelGroup;
import io.netty.channel.group.DefaultChannelGroup;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.util.concurrent.GlobalEventExecutor;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends responses as DJL Serving's own routes do: counted in {@code server_metric}, written to the
 * access log, with the request's id and the configured CORS headers.
 */
final class DjlResponses implements Responses {
  private static final long MOMENT_MILLIS = 200;
  private static final long FLUSH_TIMEOUT_SECONDS = 5;

  private static final Logger logger = LoggerFactory.getLogger(DjlResponses.class);
  private static final Logger serverMetric = LoggerFactory.getLogger("server_metric");

  private final ChannelGroup open = new DefaultChannelGroup(GlobalEventExecutor.INSTANCE);

  @Override
  public String requestId(ChannelHandlerContext context, HttpRequest request) {
    return String.valueOf(NettyUtils.getRequestId(context.channel()));
  }

  @Override
  public void whole(ChannelHandlerContext context, FullHttpResponse response, boolean keepAlive) {
    if (sending(context, response)) {
      NettyUtils.sendHttpResponse(context, response, keepAlive, false);
    } else {
      response.release();
    }
  }

  /**
   * Adds the keep-alive header, because DJL Serving closes the channel right after a head without
   * it.
   */
  @Override
  public void head(ChannelHandlerContext context, HttpResponse response, boolean keepAlive) {
    if (sending(context, response)) {
      NettyUtils.sendHttpResponse(context, response, true, false);
    }
  }

  /**
   * Waits until the operating system has accepted all responses, at most a few seconds for clients
   * that do not read. Responses of DJL Serving's own routes are sent on threads that cannot be
   * awaited, so they get a short fixed time.
   */
  void flush() throws InterruptedException {
    TimeUnit.MILLISECONDS.sleep(MOMENT_MILLIS);
    boolean all =
        open.writeAndFlush(Unpooled.EMPTY_BUFFER).await(FLUSH_TIMEOUT_SECONDS, TimeUnit.SECONDS);
    logger.info(all ? "all answers have been sent" : "some answers have not been read completely");
  }

  /**
   * Tracks a response until it is sent; returns false if the client has hung up. A DJL Serving
   * channel that is closed discards unsent data: the end of an answer that closes its channel, or
   * the last answers of a server that stops.
   */
  private boolean sending(ChannelHandlerContext context, HttpResponse response) {
    if (!keepsUnsent(context.channel())) {
      return false;
    }
    open.add(context.channel());
    int status = response.status().code();
    count(status >= 500 ? "Response_5XX" : status >= 400 ? "Response_4XX" : "Response_2XX");
    return true;
  }

  private static boolean keepsUnsent(Channel channel) {
    try {
      channel.config().setOption(ChannelOption.SO_LINGER, -1);
      return channel.isActive();
    } catch (ChannelException e) {
      logger.debug("{} has hung up", channel.remoteAddress(), e);
      return false;
    }
  }

  /** Counts an event as DJL Serving does. */
  static void count(String event) {
    serverMetric.info("{}", new Metric(event, 1));
  }
}
