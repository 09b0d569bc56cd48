package io.calm.host;

import io.calm.serving.api.ApiException;
import io.calm.serving.api.ErrorBody;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import java.nio.charset.StandardCharsets;

/** Collects a request's body; one that is too long is answered with 413 and JSON, and discarded. */
final class BodyAggregator extends HttpObjectAggregator {
  private final int most;

  BodyAggregator(int most) {
    super(most);
    this.most = most;
  }

  @Override
  protected Object newContinueResponse(
      HttpMessage start, int maxContentLength, ChannelPipeline pipeline) {
    Object response = super.newContinueResponse(start, maxContentLength, pipeline);
    if (response instanceof HttpResponse refusal
        && refusal.status().equals(HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE)) {
      return tooLarge(start);
    }
    return response;
  }

  @Override
  protected void handleOversizedMessage(ChannelHandlerContext context, HttpMessage oversized) {
    context.writeAndFlush(tooLarge(oversized)).addListener(ChannelFutureListener.CLOSE_ON_FAILURE);
  }

  private FullHttpResponse tooLarge(HttpMessage oversized) {
    boolean openAi = oversized instanceof HttpRequest r && r.uri().startsWith("/v1/");
    ApiException error =
        new ApiException(
            ApiException.Kind.BODY_TOO_LARGE,
            "body: expected at most %d bytes; the request has more".formatted(most));
    String body = (openAi ? ErrorBody.OPENAI : ErrorBody.DJL).of(error) + "\n";
    FullHttpResponse response =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1,
            HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE,
            Unpooled.copiedBuffer(body, StandardCharsets.UTF_8));
    response.headers().set(HttpHeaderNames.CONTENT_TYPE, "application/json");
    HttpUtil.setContentLength(response, response.content().readableBytes());
    return response;
  }
}
