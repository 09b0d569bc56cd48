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
 * Charges bodies to the common budget until their requests are answered. Large bodies leave half of
 * the budget to others, and small ones a quarter to the parsed forms of bodies. A piece beyond the
 * budget is passed on with a failed {@link DecoderResult} that has the {@link ApiException} to
 * answer with as its cause.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a write that fails closes the channel, which tells
final class RequestGate extends ChannelDuplexHandler {
  private final ByteBudget budget;
  private final int maxBodyBytes;
  private final long max;
  private final long maxLarge;
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
   * @param maxBodyBytes bytes of a body beyond which nothing is kept
   */
  RequestGate(ByteBudget budget, int maxBodyBytes) {
    this.budget = budget;
    this.maxBodyBytes = maxBodyBytes;
    this.max = budget.max() / 4 * 3;
    this.maxLarge = budget.max() / 2;
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
        !request.decoderResult().isSuccess() || HttpUtil.getContentLength(request, 0L) > maxBodyBytes;
  }

  /** Nothing is kept of a body that is refused or was answered, so nothing is charged. */
  private void charge(HttpContent content) {
    int size = content.content().readableBytes();
    if (current.over || size == 0) {
      return;
    }
    long ceiling = current.bytes + size > RequestWorkers.LARGE ? maxLarge : max;
    if (current.bytes + size > maxBodyBytes) {
      giveBack(current);
    } else if (budget.take(size, ceiling)) {
      current.bytes += size;
    } else {
      giveBack(current);
      content.setDecoderResult(DecoderResult.failure(full(ceiling)));
    }
  }

  private void giveBack(BodyCharge charge) {
    charge.over = true;
    budget.give(charge.bytes);
    charge.bytes = 0;
  }

  private static ApiException full(long ceiling) {
    return new ApiException(
        ApiException.Kind.QUEUE_FULL,
        "body: expected at most %d bytes in the bodies of all requests under way, got more; try again later"
            .formatted(ceiling));
  }

  @Override
  public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
    if (message instanceof LastHttpContent && !interim(message) && !charges.isEmpty()) {
      giveBack(charges.remove()); // answers come in the order of their requests
    }
    context.write(message, promise);
  }

  /** Returns whether it is a {@code 100 Continue}, which answers nothing. */
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
