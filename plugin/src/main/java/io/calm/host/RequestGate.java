package io.calm.host;

import io.calm.serving.http.RequestWorkers;
import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ByteBudget;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.LastHttpContent;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Charges bodies to a shared budget until their requests are answered. Large bodies leave half of
 * the budget to others; small ones leave a quarter to the parsed forms of bodies. Passes on a piece
 * beyond the budget with a failed {@link DecoderResult}; the cause is the {@link ApiException} for
 * the response.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a failed write closes the channel
final class RequestGate extends ChannelDuplexHandler {
  private final ByteBudget budget;
  private final int maxBodyBytes;
  private final long maxTotal;
  private final long maxTotalOfLarge;
  private final Deque<BodyCharge> charges = new ArrayDeque<>();
  private BodyCharge current = new BodyCharge();

  /**
   * The bytes charged for the body of one request, until the request is answered or its body is
   * discarded.
   */
  private static final class BodyCharge {
    long bytes;
    boolean over;
  }

  /**
   * @param maxBodyBytes maximum size of a body; larger ones are not kept
   */
  RequestGate(ByteBudget budget, int maxBodyBytes) {
    this.budget = budget;
    this.maxBodyBytes = maxBodyBytes;
    this.maxTotal = budget.max() / 4 * 3;
    this.maxTotalOfLarge = budget.max() / 2;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (message instanceof HttpRequest request) {
      begin(request);
    }
    if (message instanceof HttpContent content) {
      charge(content);
    }
    context.fireChannelRead(message);
  }

  private void begin(HttpRequest request) {
    current = new BodyCharge();
    charges.add(current);
    current.over =
        !request.decoderResult().isSuccess()
            || HttpUtil.getContentLength(request, 0L) > maxBodyBytes;
  }

  /** Charges a piece, unless its request was rejected or answered, so that it is not kept. */
  private void charge(HttpContent content) {
    int size = content.content().readableBytes();
    if (current.over || size == 0) {
      return;
    }
    long maxTotalBytes = current.bytes + size > RequestWorkers.LARGE ? maxTotalOfLarge : maxTotal;
    if (current.bytes + size > maxBodyBytes) {
      giveBack(current);
    } else if (budget.take(size, maxTotalBytes)) {
      current.bytes += size;
    } else {
      giveBack(current);
      content.setDecoderResult(DecoderResult.failure(full(maxTotalBytes)));
    }
  }

  private void giveBack(BodyCharge charge) {
    charge.over = true;
    budget.give(charge.bytes);
    charge.bytes = 0;
  }

  private static ApiException full(long maxTotalBytes) {
    return new ApiException(
        ApiException.Kind.QUEUE_FULL,
        "body: expected at most %d bytes in the bodies of all requests in flight, got more; try again later"
            .formatted(maxTotalBytes));
  }

  @Override
  public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
    if (message instanceof LastHttpContent && !interim(message) && !charges.isEmpty()) {
      giveBack(charges.remove()); // responses are in the order of requests
    }
    context.write(message, promise);
  }

  /** Returns whether a message is a {@code 100 Continue}, which ends no request. */
  private static boolean interim(Object message) {
    return message instanceof HttpResponse response
        && response.status().codeClass() == HttpStatusClass.INFORMATIONAL;
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    charges.forEach(this::giveBack);
    charges.clear();
    context.fireChannelInactive();
  }
}
