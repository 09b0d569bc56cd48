package io.calm.host;

import io.calm.serving.http.CalmHttpHandler;
import io.calm.serving.reply.ApiException;
import io.netty.buffer.ByteBufHolder;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelDuplexHandler;
import io.netty.channel.ChannelFutureListener;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.timeout.IdleStateEvent;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Serializes the pipelined requests of a connection: passes each on when the previous answer has
 * been written to the network, and queues the following ones. Reading stops beyond {@link
 * #MAX_HELD_BYTES} queued bytes and while the client does not read its answers; the request after
 * {@link #MAX_WAITING} queued ones is answered with 429. Otherwise reading continues, because it
 * detects hang-ups. Placed right after the codec, so all later handlers see one request at a time.
 *
 * <p>A client may close its sending side after its last request and still gets its answers. Closes
 * connections that are idle between requests; a request that arrives too slowly gets 408.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a write that fails closes the channel, which tells
final class OneAtATime extends ChannelDuplexHandler {
  static final int MAX_WAITING = 8;
  static final long MAX_HELD_BYTES = 64L << 10;

  private final InFlight inFlight;
  private final HangUpProbe probe = new HangUpProbe();
  private final LastWords lastWords = new LastWords();

  /** Queued parts of requests and {@link RequestDeadline.Event}s, in order of arrival. */
  private final Deque<Object> held = new ArrayDeque<>();

  private int heldRequests;
  private long heldBytes;
  private boolean answered = true; // the request that was passed on last
  private boolean inBody; // more of its body is to come
  private long passedBytes; // of its body
  private long expectedBytes; // of its body; -1 where chunks tell its end
  private boolean unreadable; // its end is not known
  private boolean noMore; // all further input is dropped
  private boolean closing; // the answer at hand is the last one
  private boolean refused; // requests too many came
  private boolean inputEnded;
  private boolean advancing;
  private boolean resting; // other connections have their turn

  OneAtATime(InFlight inFlight) {
    this.inFlight = inFlight;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (noMore) {
      ReferenceCountUtil.release(message);
      return;
    }
    if (message instanceof HttpRequest && heldRequests == MAX_WAITING) {
      ReferenceCountUtil.release(message);
      refused = true;
      noMore = true;
      hold(refusal(tooMany()));
    } else {
      hold(message);
    }
    advance(context);
  }

  private void hold(Object message) {
    heldRequests += message instanceof HttpRequest ? 1 : 0;
    heldBytes += size(message);
    if (mayWait() && message instanceof HttpContent piece && isMiddle(piece)) {
      merge(piece);
    } else {
      held.add(message);
    }
  }

  private boolean mayWait() {
    return !inBody || !held.isEmpty();
  }

  private static boolean isMiddle(HttpContent piece) {
    return !(piece instanceof LastHttpContent) && piece.decoderResult().isSuccess();
  }

  /**
   * Appends a piece of a body to the previous one, so that many small pieces hold no more memory
   * than one.
   */
  private void merge(HttpContent piece) {
    if (held.peekLast() instanceof HttpContent last && isMiddle(last)) {
      last.content().writeBytes(piece.content());
    } else {
      held.add(new DefaultHttpContent(Unpooled.buffer().writeBytes(piece.content())));
    }
    piece.release();
  }

  private static int size(Object message) {
    return message instanceof ByteBufHolder holder ? holder.content().readableBytes() : 0;
  }

  /** Passes on the held pieces that may go on now. */
  private void advance(ChannelHandlerContext context) {
    if (!advancing) { // a handler that answers at once comes back here
      advancing = true;
      while (!closing && !held.isEmpty() && (inBody || (answered && !resting))) {
        Object next = held.remove();
        heldRequests -= next instanceof HttpRequest ? 1 : 0;
        heldBytes -= size(next);
        pass(context, next);
      }
      advancing = false;
      if (inputEnded && isHalfRequest()) { // it was queued when the input ended
        endBody(context);
      }
    }
    throttle(context);
  }

  private void pass(ChannelHandlerContext context, Object next) {
    if (next == RequestDeadline.Event.TOO_SLOW) {
      noMore = true;
      if (inBody) {
        context.fireUserEventTriggered(next);
        return;
      }
      pass(context, refusal(tooSlow()));
      return;
    }
    if (next instanceof HttpRequest request) {
      answered = false;
      inBody = true;
      resting = true;
      context.executor().execute(() -> rested(context));
      unreadable = !request.decoderResult().isSuccess();
      passedBytes = 0;
      expectedBytes = unreadable ? -1 : HttpUtil.getContentLength(request, -1L);
      inFlight.began();
      probe.begin(request);
      if (inputEnded) {
        probe.start(context);
      }
      context.channel().attr(CalmHttpHandler.PATIENCE).set(null);
    }
    if (next instanceof LastHttpContent) {
      inBody = false;
    }
    passedBytes += size(next);
    context.fireChannelRead(next);
  }

  private void rested(ChannelHandlerContext context) {
    resting = false;
    advance(context);
  }

  /** Stops reading while the client has to read answers or the queue is full. */
  private void throttle(ChannelHandlerContext context) {
    boolean wanted =
        !refused
            && (lastWords.spoken()
                || (context.channel().isWritable() && heldBytes <= MAX_HELD_BYTES));
    if (context.channel().config().isAutoRead() != wanted) {
      context.channel().config().setAutoRead(wanted);
    }
  }

  @Override
  public void channelWritabilityChanged(ChannelHandlerContext context) {
    throttle(context);
    context.fireChannelWritabilityChanged();
  }

  @Override
  public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
    if (message instanceof HttpResponse response) {
      if (response.status().codeClass() == HttpStatusClass.INFORMATIONAL) {
        context.write(message, promise);
        return;
      }
      probe.end();
      closing = !HttpUtil.isKeepAlive(response);
      noMore |= closing;
    }
    if (message instanceof LastHttpContent && !answered) {
      context
          .write(message, promise.unvoid())
          .addListener(
              written -> {
                end();
                if (!written.isSuccess() || (inputEnded && held.isEmpty())) {
                  context.close();
                } else {
                  advance(context);
                }
              });
    } else {
      // The rest of a stream with a gap would look like a complete answer.
      context.write(message, promise.unvoid()).addListener(ChannelFutureListener.CLOSE_ON_FAILURE);
    }
  }

  private void end() {
    if (!answered) {
      answered = true;
      inFlight.ended();
    }
  }

  /** Closes gently if the client may still be sending, so that it can read the last answer. */
  @Override
  public void close(ChannelHandlerContext context, ChannelPromise promise) {
    if (answered && !inputEnded && (inBody || unreadable || refused)) {
      noMore = true;
      lastWords.speak(context, promise);
      throttle(context);
    } else {
      context.close(promise);
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    end();
    probe.end();
    held.forEach(ReferenceCountUtil::release);
    held.clear();
    context.fireChannelInactive();
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    if (event == RequestDeadline.Event.TOO_SLOW) {
      if (!noMore) {
        noMore = true;
        hold(event);
        advance(context);
      }
    } else if (event instanceof ChannelInputShutdownEvent) {
      inputEnded = true;
      inputEnded(context);
    } else if (event instanceof IdleStateEvent && answered && !inBody && held.isEmpty()) {
      context.close();
    } else {
      context.fireUserEventTriggered(event);
    }
  }

  private void inputEnded(ChannelHandlerContext context) {
    if (lastWords.spoken() || (answered && held.isEmpty())) {
      context.close();
    } else if (isHalfRequest()) {
      endBody(context);
    } else {
      probe.start(context);
    }
  }

  /** Returns whether an unanswered request has been passed on only in part. */
  private boolean isHalfRequest() {
    return inBody && held.isEmpty() && !probe.isAnswering();
  }

  /** Refuses the request whose body has ended before it is whole. */
  private void endBody(ChannelHandlerContext context) {
    inBody = false;
    noMore = true;
    context.fireUserEventTriggered(new BodyCollector.Ended(passedBytes, expectedBytes));
  }

  private static ApiException tooMany() {
    return new ApiException(
        ApiException.Kind.QUEUE_FULL,
        "expected at most %d requests on one connection to wait for their answers; send the others again"
            .formatted(MAX_WAITING));
  }

  static ApiException tooSlow() {
    return new ApiException(
        ApiException.Kind.TOO_SLOW, "the request did not arrive in time; send it again");
  }

  /** Stands for a request that does not arrive or is not processed. */
  private static FullHttpRequest refusal(ApiException error) {
    FullHttpRequest request =
        new DefaultFullHttpRequest(
            HttpVersion.HTTP_1_1, HttpMethod.GET, "/", Unpooled.EMPTY_BUFFER);
    request.setDecoderResult(DecoderResult.failure(error));
    return request;
  }
}
