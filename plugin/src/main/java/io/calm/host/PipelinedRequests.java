package io.calm.host;

import io.calm.serving.http.SlowReaderTimeout;
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
import io.netty.handler.codec.http.HttpHeaderNames;
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
import java.util.List;

/**
 * Serializes the pipelined requests of a connection: passes on each when the previous response has
 * been written to the network, and queues the following ones. Stops reading beyond {@link
 * #MAX_QUEUED_BYTES} queued bytes and while the client does not read its responses. The request
 * after {@link #MAX_QUEUED} queued ones gets 429. Otherwise reading continues, because it detects
 * disconnects. Placed right after the codec, so that all later handlers process one request at a
 * time.
 *
 * <p>A client may close its sending side after its last request and still gets its responses.
 * Connections that are idle between requests are closed; a request that arrives too slowly gets
 * 408.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a failed write closes the channel
final class PipelinedRequests extends ChannelDuplexHandler {
  static final int MAX_QUEUED = 8;
  static final long MAX_QUEUED_BYTES = 64L << 10;

  /** Headers of a refused request that its response depends on. */
  private static final List<CharSequence> KEPT = List.of(RequestId.HEADER, HttpHeaderNames.ORIGIN);

  private final InFlight inFlight;
  private final HangUpProbe probe = new HangUpProbe();
  private final LingeringClose lingering = new LingeringClose();

  /** Queued parts of requests and {@link RequestDeadline.Event}s, in order of arrival. */
  private final Deque<Object> queue = new ArrayDeque<>();

  private int queuedRequests;
  private long queuedBytes;
  private boolean answered = true; // the request passed on last
  private boolean inBody; // more of its body is to come
  private long passedBytes; // of its body
  private long expectedBytes; // of its body; -1 if it is chunked
  private boolean unreadable; // its end is unknown
  private boolean discarding; // all further input is discarded
  private boolean closing; // the current response is the last one
  private boolean overflowed; // too many requests were queued
  private boolean inputEnded;
  private boolean advancing;
  private boolean yielding; // other connections run first

  PipelinedRequests(InFlight inFlight) {
    this.inFlight = inFlight;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (discarding) {
      ReferenceCountUtil.release(message);
      return;
    }
    if (message instanceof HttpRequest request && queuedRequests == MAX_QUEUED) {
      ReferenceCountUtil.release(message);
      overflowed = true;
      discarding = true;
      FullHttpRequest refused = refusal(request.method(), request.uri(), tooMany());
      KEPT.forEach(name -> refused.headers().set(name, request.headers().getAll(name)));
      enqueue(refused);
    } else {
      enqueue(message);
    }
    advance(context);
  }

  private void enqueue(Object message) {
    queuedRequests += message instanceof HttpRequest ? 1 : 0;
    queuedBytes += size(message);
    if (mayMerge() && message instanceof HttpContent piece && isMiddle(piece)) {
      merge(piece);
    } else {
      queue.add(message);
    }
  }

  private boolean mayMerge() {
    return !inBody || !queue.isEmpty();
  }

  private static boolean isMiddle(HttpContent piece) {
    return !(piece instanceof LastHttpContent) && piece.decoderResult().isSuccess();
  }

  /**
   * Appends a piece of a body to the previous one, so that many small pieces use no more memory
   * than one.
   */
  private void merge(HttpContent piece) {
    if (queue.peekLast() instanceof HttpContent last && isMiddle(last)) {
      last.content().writeBytes(piece.content());
    } else {
      queue.add(new DefaultHttpContent(Unpooled.buffer().writeBytes(piece.content())));
    }
    piece.release();
  }

  private static int size(Object message) {
    return message instanceof ByteBufHolder holder ? holder.content().readableBytes() : 0;
  }

  /** Passes on queued parts as far as the current response allows. */
  private void advance(ChannelHandlerContext context) {
    if (!advancing) { // a handler that responds at once calls this recursively
      advancing = true;
      while (!closing && !queue.isEmpty() && (inBody || (answered && !yielding))) {
        Object next = queue.remove();
        queuedRequests -= next instanceof HttpRequest ? 1 : 0;
        queuedBytes -= size(next);
        pass(context, next);
      }
      advancing = false;
      if (inputEnded && isHalfRequest()) { // the input ended while it was queued
        endBody(context);
      }
    }
    throttle(context);
  }

  private void pass(ChannelHandlerContext context, Object next) {
    if (next == RequestDeadline.Event.TOO_SLOW) {
      discarding = true;
      if (inBody) {
        context.fireUserEventTriggered(next);
        return;
      }
      pass(context, refusal(HttpMethod.GET, "/", tooSlow()));
      return;
    }
    if (next instanceof HttpRequest request) {
      answered = false;
      inBody = true;
      yielding = true;
      context.executor().execute(() -> resume(context));
      unreadable = !request.decoderResult().isSuccess();
      passedBytes = 0;
      expectedBytes = unreadable ? -1 : HttpUtil.getContentLength(request, -1L);
      inFlight.began();
      probe.begin(request);
      if (inputEnded) {
        probe.start(context);
      }
      context.channel().attr(SlowReaderTimeout.OF_MODEL).set(null);
    }
    if (next instanceof LastHttpContent) {
      inBody = false;
    }
    passedBytes += size(next);
    context.fireChannelRead(next);
  }

  private void resume(ChannelHandlerContext context) {
    yielding = false;
    advance(context);
  }

  /** Stops reading while the client must read responses first, or while the queue is full. */
  private void throttle(ChannelHandlerContext context) {
    boolean wanted =
        !overflowed
            && (lingering.isStarted()
                || (context.channel().isWritable() && queuedBytes <= MAX_QUEUED_BYTES));
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
      discarding |= closing;
    }
    if (message instanceof LastHttpContent && !answered) {
      context
          .write(message, promise.unvoid())
          .addListener(
              written -> {
                end();
                if (!written.isSuccess() || (inputEnded && queue.isEmpty())) {
                  context.close();
                } else {
                  advance(context);
                }
              });
    } else {
      // After a lost part, the rest of a stream would look like a complete response.
      context.write(message, promise.unvoid()).addListener(ChannelFutureListener.CLOSE_ON_FAILURE);
    }
  }

  private void end() {
    if (!answered) {
      answered = true;
      inFlight.ended();
    }
  }

  /** Lingers if the client may still be sending, so that it can read the last response. */
  @Override
  public void close(ChannelHandlerContext context, ChannelPromise promise) {
    if (answered && !inputEnded && (inBody || unreadable || overflowed)) {
      discarding = true;
      lingering.close(context, promise);
      throttle(context);
    } else {
      context.close(promise);
    }
  }

  @Override
  public void channelInactive(ChannelHandlerContext context) {
    end();
    probe.end();
    queue.forEach(ReferenceCountUtil::release);
    queue.clear();
    context.fireChannelInactive();
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    if (event == RequestDeadline.Event.TOO_SLOW) {
      if (!discarding) {
        discarding = true;
        enqueue(event);
        advance(context);
      }
    } else if (event instanceof ChannelInputShutdownEvent) {
      inputEnded = true;
      inputEnded(context);
    } else if (event instanceof IdleStateEvent && answered && !inBody && queue.isEmpty()) {
      context.close();
    } else {
      context.fireUserEventTriggered(event);
    }
  }

  private void inputEnded(ChannelHandlerContext context) {
    if (lingering.isStarted() || (answered && queue.isEmpty())) {
      context.close();
    } else if (isHalfRequest()) {
      endBody(context);
    } else {
      probe.start(context);
    }
  }

  /** Returns whether the current request is incomplete and its response has not begun. */
  private boolean isHalfRequest() {
    return inBody && queue.isEmpty() && !probe.isAnswering();
  }

  /** Rejects the current request, because the input ended within its body. */
  private void endBody(ChannelHandlerContext context) {
    inBody = false;
    discarding = true;
    context.fireUserEventTriggered(new BodyCollector.BodyTruncated(passedBytes, expectedBytes));
  }

  private static ApiException tooMany() {
    return new ApiException(
        ApiException.Kind.QUEUE_FULL,
        "expected at most %d requests waiting on one connection, got more; send the others again"
            .formatted(MAX_QUEUED));
  }

  static ApiException tooSlow() {
    return new ApiException(
        ApiException.Kind.TOO_SLOW, "the request did not arrive in time; send it again");
  }

  /** Creates a placeholder for a request that did not arrive or is not processed. */
  private static FullHttpRequest refusal(HttpMethod method, String uri, ApiException error) {
    FullHttpRequest request =
        new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, method, uri, Unpooled.EMPTY_BUFFER);
    request.setDecoderResult(DecoderResult.failure(error));
    return request;
  }
}
