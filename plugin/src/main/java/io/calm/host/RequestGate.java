package io.calm.host;

import io.calm.serving.api.ApiException;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import java.util.List;
import java.util.Optional;

/**
 * Refuses requests whose end another reader might see elsewhere, and bodies for which the process
 * has no memory now. A refused request goes on with a failed {@link DecoderResult} whose cause is
 * the {@link ApiException} to answer with, in its turn.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a write that fails closes the channel, which tells
final class RequestGate extends ChannelDuplexHandler {
  private final BodyBudget budget;
  private final int mostOfOne;
  private long ofThis;
  private long held;

  /**
   * @param mostOfOne bytes of a body beyond which nothing is kept
   */
  RequestGate(BodyBudget budget, int mostOfOne) {
    this.budget = budget;
    this.mostOfOne = mostOfOne;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (message instanceof HttpRequest request && request.decoderResult().isSuccess()) {
      ofThis = 0;
      problem(request)
          .map(
              text ->
                  new ApiException(ApiException.Kind.INVALID, "malformed HTTP request: " + text))
          .ifPresent(error -> request.setDecoderResult(DecoderResult.failure(error)));
    }
    if (message instanceof HttpContent content) {
      int size = content.content().readableBytes();
      long kept = Math.min(size, Math.max(0, mostOfOne - ofThis));
      ofThis += size;
      if (budget.take(kept)) {
        held += kept;
      } else {
        content.setDecoderResult(DecoderResult.failure(full()));
      }
    }
    context.fireChannelRead(message);
  }

  private ApiException full() {
    return new ApiException(
        ApiException.Kind.QUEUE_FULL,
        "the bodies of all requests under way may hold %d bytes together; try again later"
            .formatted(budget.most()));
  }

  private static Optional<String> problem(HttpRequest request) {
    boolean modern = request.protocolVersion().equals(HttpVersion.HTTP_1_1);
    List<String> codings = request.headers().getAll(HttpHeaderNames.TRANSFER_ENCODING);
    if (!codings.isEmpty() && !modern) {
      return Optional.of(
          "expected no Transfer-Encoding in %s".formatted(request.protocolVersion()));
    }
    if (!codings.isEmpty()
        && !(codings.size() == 1 && codings.get(0).strip().equalsIgnoreCase("chunked"))) {
      return Optional.of("Transfer-Encoding: expected chunked alone, got " + codings);
    }
    int hosts = request.headers().getAll(HttpHeaderNames.HOST).size();
    return modern && hosts != 1
        ? Optional.of("expected one Host header, got " + hosts)
        : Optional.empty();
  }

  @Override
  public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
    if (message instanceof LastHttpContent) {
      release();
    }
    context.write(message, promise);
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    release();
    context.fireChannelInactive();
  }

  private void release() {
    budget.give(held);
    held = 0;
  }
}
