package io.calm.host;

import io.calm.serving.http.CalmHttpHandler;
import io.calm.serving.reply.ApiException;
import io.calm.text.Printable;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.SimpleChannelInboundHandler;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.netty.handler.codec.http.TooLongHttpHeaderException;
import io.netty.handler.codec.http.TooLongHttpLineException;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Passes a complete request to the routes, or responds with the reason for its rejection. */
@SuppressWarnings("FutureReturnValueIgnored") // a failed write closes the channel
final class RequestDispatcher extends SimpleChannelInboundHandler<FullHttpRequest> {
  private static final Logger logger = LoggerFactory.getLogger(RequestDispatcher.class);

  /** Rejections that keep the connection open, because the end of the request is known. */
  private static final Set<ApiException.Kind> WELL_FORMED =
      EnumSet.of(
          ApiException.Kind.BODY_TOO_LARGE,
          ApiException.Kind.BODY_TOO_COMPLEX,
          ApiException.Kind.TOO_LONG,
          ApiException.Kind.UNAUTHORIZED,
          ApiException.Kind.FORBIDDEN,
          ApiException.Kind.EXPECTATION_FAILED,
          ApiException.Kind.UNSUPPORTED_CODING,
          ApiException.Kind.OVERLOADED);

  private final CalmHttpHandler handler;
  private final BooleanSupplier stopping;

  /**
   * @param stopping whether connections are closed after the current response
   */
  RequestDispatcher(CalmHttpHandler handler, BooleanSupplier stopping) {
    this.handler = handler;
    this.stopping = stopping;
  }

  @Override
  protected void channelRead0(ChannelHandlerContext context, FullHttpRequest request) {
    if (stopping.getAsBoolean()) {
      HttpUtil.setKeepAlive(request, false);
    }
    QueryStringDecoder decoder = new QueryStringDecoder(request.uri());
    Optional<ApiException> problem = problem(request);
    if (problem.isPresent()) {
      CalmHttpHandler.refuse(context, request, problem.get());
    } else if (Cors.isPreflight(request)) {
      CalmHttpHandler.noContent(context, request);
    } else {
      handler.handle(context, request, decoder);
    }
  }

  private static Optional<ApiException> problem(FullHttpRequest request) {
    return request.decoderResult().isSuccess()
        ? Optional.empty()
        : Optional.of(unreadable(request, request.decoderResult().cause()));
  }

  /**
   * Returns the reason for refusing a request. The connection closes after the answer if the rest
   * cannot be read.
   */
  private static ApiException unreadable(FullHttpRequest request, Throwable cause) {
    if (cause instanceof ApiException error) {
      if (!WELL_FORMED.contains(error.kind())) {
        HttpUtil.setKeepAlive(request, false);
      }
      return error;
    }
    HttpUtil.setKeepAlive(request, false);
    if (cause instanceof TooLongHttpLineException) {
      return new ApiException(
          ApiException.Kind.URI_TOO_LONG,
          "request line: expected at most %d bytes, got more"
              .formatted(StrictRequestDecoder.MAX_LINE_BYTES));
    }
    if (cause instanceof TooLongHttpHeaderException) {
      return new ApiException(
          ApiException.Kind.HEADERS_TOO_LARGE,
          "headers: expected at most %d bytes in total, got more"
              .formatted(StrictRequestDecoder.MAX_HEADER_BYTES));
    }
    return new ApiException(
        ApiException.Kind.INVALID,
        "malformed HTTP request: "
            + (cause.getMessage() == null
                ? "expected the end of a chunk, got something else"
                : Printable.of(cause.getMessage())));
  }

  @Override
  public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
    logger.debug("connection {} failed", context.channel().remoteAddress(), cause);
    context.close();
  }
}
