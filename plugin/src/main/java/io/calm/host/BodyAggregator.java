package io.calm.host;

import io.calm.serving.api.ApiException;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPipeline;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpObjectAggregator;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpUtil;
import org.jspecify.annotations.Nullable;

/**
 * Collects a request's body. One that is too long, or has an Expect that is not understood, goes on
 * without its body and with a failed {@link DecoderResult}, to be answered in its turn; what
 * follows of its body is discarded.
 */
final class BodyAggregator extends HttpObjectAggregator {
  private final int most;

  BodyAggregator(int most) {
    super(most);
    this.most = most;
  }

  @Override
  protected @Nullable Object newContinueResponse(
      HttpMessage start, int maxContentLength, ChannelPipeline pipeline) {
    boolean refused =
        !start.decoderResult().isSuccess()
            || HttpUtil.getContentLength(start, 0L) > maxContentLength
            || !HttpUtil.is100ContinueExpected(start);
    return refused ? null : super.newContinueResponse(start, maxContentLength, pipeline);
  }

  @Override
  protected void handleOversizedMessage(ChannelHandlerContext context, HttpMessage oversized) {
    HttpRequest request = (HttpRequest) oversized;
    FullHttpRequest refused =
        new DefaultFullHttpRequest(
            request.protocolVersion(), request.method(), request.uri(), Unpooled.EMPTY_BUFFER);
    refused.headers().set(request.headers());
    if (request.headers().contains(HttpHeaderNames.EXPECT)) {
      HttpUtil.setKeepAlive(refused, false); // nobody knows whether the body still comes
    }
    refused.setDecoderResult(
        DecoderResult.failure(
            new ApiException(
                ApiException.Kind.BODY_TOO_LARGE,
                "body: expected at most %d bytes; the request has more".formatted(most))));
    context.fireChannelRead(refused);
  }
}
