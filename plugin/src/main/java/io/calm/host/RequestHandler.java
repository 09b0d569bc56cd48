package io.calm.host;

import io.calm.serving.api.ApiException;
import io.calm.serving.http.CalmHttpHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Checks a whole request and its key, and gives it to the handlers. */
@SuppressWarnings("FutureReturnValueIgnored") // a write that fails closes the channel, which tells
final class RequestHandler extends SimpleChannelInboundHandler<FullHttpRequest> {
  private static final Logger logger = LoggerFactory.getLogger(RequestHandler.class);

  private final CalmHttpHandler handler;
  private final ApiKey key;
  private final BooleanSupplier stopping;

  /**
   * @param stopping whether connections end with the answer at hand
   */
  RequestHandler(CalmHttpHandler handler, ApiKey key, BooleanSupplier stopping) {
    this.handler = handler;
    this.key = key;
    this.stopping = stopping;
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
    if (stopping.getAsBoolean()) {
      HttpUtil.setKeepAlive(request, false);
    }
    QueryStringDecoder decoder = new QueryStringDecoder(request.uri());
    Optional<ApiException> problem = problem(request, decoder);
    if (problem.isPresent()) {
      CalmHttpHandler.refuse(context, request, problem.get());
    } else {
      handler.handle(context, request, decoder);
    }
  }

  private Optional<ApiException> problem(FullHttpRequest request, QueryStringDecoder decoder) {
    if (!request.decoderResult().isSuccess()) {
      return Optional.of(unreadable(request, request.decoderResult().cause()));
    }
    String expect = request.headers().get(HttpHeaderNames.EXPECT, "");
    if (!expect.isEmpty() && !HttpHeaderValues.CONTINUE.contentEqualsIgnoreCase(expect)) {
      return Optional.of(
          new ApiException(
              ApiException.Kind.EXPECTATION_FAILED,
              "Expect: expected 100-continue, got " + expect));
    }
    return key.admits(request, decoder.rawPath())
        ? Optional.empty()
        : Optional.of(
            new ApiException(
                ApiException.Kind.UNAUTHORIZED,
                "expected the header \"Authorization: Bearer KEY\" with this server's API key"));
  }

  /** Tells why; the connection ends with the answer where what follows cannot be read. */
  private static ApiException unreadable(FullHttpRequest request, Throwable cause) {
    if (cause instanceof ApiException error) {
      if (error.kind() != ApiException.Kind.BODY_TOO_LARGE) {
        HttpUtil.setKeepAlive(request, false);
      }
      return error;
    }
    HttpUtil.setKeepAlive(request, false);
    if (cause instanceof TooLongHttpLineException) {
      return new ApiException(
          ApiException.Kind.URI_TOO_LONG,
          "the request line: expected at most %d bytes"
              .formatted(StrictRequestDecoder.MOST_LINE_BYTES));
    }
    if (cause instanceof TooLongHttpHeaderException) {
      return new ApiException(
          ApiException.Kind.HEADERS_TOO_LARGE,
          "headers: expected at most %d bytes together"
              .formatted(StrictRequestDecoder.MOST_HEADER_BYTES));
    }
    return new ApiException(
        ApiException.Kind.INVALID, "malformed HTTP request: " + cause.getMessage());
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    logger.debug("connection {} failed", context.channel().remoteAddress(), cause);
    context.close();
  }
}
