package io.calm.serving.djl;

import ai.djl.metric.Metric;
import ai.djl.serving.util.NettyUtils;
import io.calm.serving.http.Responses;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpResponse;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends responses as DJL Serving's own routes do: counted in {@code server_metric}, written to the
 * access log, with the request's id and the configured CORS headers.
 */
final class DjlResponses implements Responses {
  private static final Logger serverMetric = LoggerFactory.getLogger("server_metric");

  @Override
  public void whole(ChannelHandlerContext context, FullHttpResponse response, boolean keepAlive) {
    count(response);
    NettyUtils.sendHttpResponse(context, response, keepAlive, false);
  }

  /** Says keep-alive, for DJL Serving closes the channel right after a head that does not. */
  @Override
  public void head(ChannelHandlerContext context, HttpResponse response, boolean keepAlive) {
    count(response);
    NettyUtils.sendHttpResponse(context, response, true, false);
  }

  private static void count(HttpResponse response) {
    int status = response.status().code();
    count(status >= 500 ? "Response_5XX" : status >= 400 ? "Response_4XX" : "Response_2XX");
  }

  /** Counts an event as DJL Serving does. */
  static void count(String event) {
    serverMetric.info("{}", new Metric(event, 1));
  }
}
