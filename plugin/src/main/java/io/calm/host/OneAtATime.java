package io.calm.host;

import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.timeout.IdleStateEvent;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayDeque;
import java.util.Queue;

/**
 * Passes on a connection's requests one after the other, each when the one before it has its
 * answer, so that pipelined answers keep their order. Reading goes on meanwhile: it is how a
 * hang-up is noticed. Closes connections that idle between requests.
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
    FullHttpRequest request = (FullHttpRequest) message;
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
    context.write(message, promise);
    if (busy && message instanceof LastHttpContent) {
      busy = false;
      inFlight.ended();
      FullHttpRequest next = waiting.poll();
      if (next != null) {
        pass(context, next);
      }
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
    if (event instanceof IdleStateEvent && !busy) {
      context.close();
    }
    context.fireUserEventTriggered(event);
  }
}
