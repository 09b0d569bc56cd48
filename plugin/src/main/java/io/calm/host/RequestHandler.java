package io.calm.host;

import io.calm.serving.api.ApiException;
import io.calm.serving.http.CalmHttpHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.QueryStringDecoder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Checks a whole request and its key, and gives it to the handlers. */
@SuppressWarnings("FutureReturnValueIgnored") // a write that fails closes the channel, which tells
final class RequestHandler extends SimpleChannelInboundHandler<FullHttpRequest> {
  private static final Logger logger = LoggerFactory.getLogger(RequestHandler.class);

  private final CalmHttpHandler handler;
  private final ApiKey key;

  RequestHandler(CalmHttpHandler handler, ApiKey key) {
    this.handler = handler;
    this.key = key;
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
    if (!request.decoderResult().isSuccess()) {
      HttpUtil.setKeepAlive(request, false); // the rest of the connection cannot be read
      CalmHttpHandler.refuse(
          context,
          request,
          new ApiException(
              ApiException.Kind.INVALID,
              "malformed HTTP request: " + request.decoderResult().cause().getMessage()));
      return;
    }
    QueryStringDecoder decoder = new QueryStringDecoder(request.uri());
    if (key.admits(request, decoder.rawPath())) {
      handler.handle(context, request, decoder);
    } else {
      CalmHttpHandler.refuse(
          context,
          request,
          new ApiException(
              ApiException.Kind.UNAUTHORIZED,
              "expected the header \"Authorization: Bearer KEY\" with this server's API key"));
    }
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    logger.debug("connection {} failed", context.channel().remoteAddress(), cause);
    context.close();
  }
}
