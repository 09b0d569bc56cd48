package io.calm.host;

import io.calm.serving.api.ApiException;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.timeout.IdleStateEvent;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayDeque;
import java.util.Queue;

/**
 * Passes on a connection's requests one after the other, each when the one before it has its
 * answer, so that pipelined answers keep their order. Reading goes on meanwhile: it is how a
 * hang-up is noticed. Closes connections that idle between requests; a request that comes too
 * slowly is answered with 408.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a write that fails closes the channel, which tells
final class OneAtATime extends ChannelDuplexHandler {
  private static final int MOST_WAITING = 8;

  private final InFlight inFlight;
  private final Queue<FullHttpRequest> waiting = new ArrayDeque<>();
  private boolean busy;

  OneAtATime(InFlight inFlight) {
    this.inFlight = inFlight;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (message instanceof FullHttpRequest request) {
      receive(context, request);
    } else {
      ReferenceCountUtil.release(message); // the rest of a request that was refused by its headers
    }
  }

  private void receive(ChannelHandlerContext context, FullHttpRequest request) {
    if (!busy) {
      pass(context, request);
    } else if (waiting.size() < MOST_WAITING) {
      waiting.add(request);
    } else {
      request.release();
      context.close();
    }
  }

  private void pass(ChannelHandlerContext context, FullHttpRequest request) {
    busy = true;
    inFlight.began();
    context.fireChannelRead(request);
  }

  @Override
  public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
    if (!busy || !(message instanceof LastHttpContent)) {
      context.write(message, promise);
      return;
    }
    busy = false;
    context.write(message, promise.unvoid()).addListener(written -> inFlight.ended());
    FullHttpRequest next = waiting.poll();
    if (next != null) {
      pass(context, next);
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    if (busy) {
      busy = false;
      inFlight.ended();
    }
    waiting.forEach(ReferenceCountUtil::release);
    waiting.clear();
    context.fireChannelInactive();
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    if (event == RequestDeadline.Event.TOO_SLOW) {
      receive(context, tooSlow());
    } else if (event instanceof IdleStateEvent && !busy) {
      context.close();
    } else {
      context.fireUserEventTriggered(event);
    }
  }

  /** Stands for the request that does not come. */
  private static FullHttpRequest tooSlow() {
    FullHttpRequest request =
        new DefaultFullHttpRequest(
            HttpVersion.HTTP_1_1, HttpMethod.GET, "/", Unpooled.EMPTY_BUFFER);
    HttpUtil.setKeepAlive(request, false);
    request.setDecoderResult(
        DecoderResult.failure(
            new ApiException(
                ApiException.Kind.TOO_SLOW, "the request did not arrive in time; send it again")));
    return request;
  }
}
