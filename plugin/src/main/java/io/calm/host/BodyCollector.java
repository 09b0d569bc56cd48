package io.calm.host;

import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ValueCount;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpHeaders;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.TooLongHttpLineException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Aggregates a request body in arrays, in total at most twice the size of the body, and releases
 * the received buffers immediately. Counts the JSON values of the body while it arrives, so that a
 * body with too many is not kept. Passes on a rejected request at once, with no body and a failed
 * {@link DecoderResult}, and discards the rest of its body.
 */
@SuppressWarnings("FutureReturnValueIgnored") // a failed write closes the channel
final class BodyCollector extends ChannelInboundHandlerAdapter {
  private static final int PIECE_BYTES = 64 << 10;

  private final int maxBytes;
  private Optional<HttpRequest> head = Optional.empty();
  private final List<ByteBuf> pieces = new ArrayList<>();
  private ValueCount values = ValueCount.ofBody();
  private long length;
  private long kept; // the bytes in the pieces

  BodyCollector(int maxBytes) {
    this.maxBytes = maxBytes;
  }

  /**
   * An event: the client closed its sending side before the end of the body.
   *
   * @param received bytes received, as they were sent
   * @param expected bytes by Content-Length; negative for a chunked body
   */
  record BodyTruncated(long received, long expected) {
    ApiException error() {
      return new ApiException(
          ApiException.Kind.INVALID,
          "body: expected %s, got the end of the input after %d bytes; send the request again"
              .formatted(
                  expected < 0 ? "a last chunk" : expected + " bytes by Content-Length", received));
    }
  }

  static ApiException tooLarge(int maxBytes) {
    return new ApiException(
        ApiException.Kind.BODY_TOO_LARGE,
        "body: expected at most %d bytes, got more".formatted(maxBytes));
  }

  private static ApiException chunkLineTooLong() {
    return new ApiException(
        ApiException.Kind.INVALID,
        "malformed HTTP request: chunk line: expected at most %d bytes, got more"
            .formatted(StrictRequestDecoder.MAX_LINE_BYTES));
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (message instanceof HttpRequest request) {
      begin(context, request);
    }
    if (message instanceof HttpContent content) {
      try {
        collect(context, content);
      } finally {
        content.release();
      }
    }
  }

  private void begin(ChannelHandlerContext context, HttpRequest request) {
    head = Optional.of(request);
    if (!request.decoderResult().isSuccess()) {
      fail(context, request.decoderResult().cause());
      return;
    }
    if (HttpUtil.is100ContinueExpected(request)) {
      context.writeAndFlush(
          new DefaultFullHttpResponse(
              HttpVersion.HTTP_1_1, HttpResponseStatus.CONTINUE, Unpooled.EMPTY_BUFFER));
    }
    values = ValueCount.ofBody();
    length = 0;
    kept = 0;
  }

  private void collect(ChannelHandlerContext context, HttpContent content) {
    if (head.isEmpty()) {
      return;
    }
    if (!content.decoderResult().isSuccess()) {
      Throwable cause = content.decoderResult().cause();
      fail(context, cause instanceof TooLongHttpLineException ? chunkLineTooLong() : cause);
      return;
    }
    length += content.content().readableBytes();
    if (length > maxBytes) {
      fail(context, tooLarge(maxBytes));
      return;
    }
    try {
      keep(content.content());
    } catch (ApiException e) {
      fail(context, e);
      return;
    }
    if (content instanceof LastHttpContent) {
      pass(context, DecoderResult.SUCCESS);
    }
  }

  /** Copies received bytes and counts their JSON values. */
  private void keep(ByteBuf received) {
    while (received.isReadable()) {
      ByteBuf piece = pieces.isEmpty() ? Unpooled.EMPTY_BUFFER : pieces.get(pieces.size() - 1);
      if (!piece.isWritable()) {
        int size = (int) Math.min(PIECE_BYTES, Math.max(received.readableBytes(), kept));
        piece = Unpooled.buffer(size, size);
        pieces.add(piece);
      }
      int from = piece.arrayOffset() + piece.writerIndex();
      int size = Math.min(piece.writableBytes(), received.readableBytes());
      piece.writeBytes(received, size);
      kept += size;
      values.read(piece.array(), from, from + size);
    }
  }

  private void drop() {
    pieces.forEach(ByteBuf::release);
    pieces.clear();
  }

  private void fail(ChannelHandlerContext context, Throwable cause) {
    drop();
    if (HttpUtil.is100ContinueExpected(head.orElseThrow())) {
      HttpUtil.setKeepAlive(head.get(), false); // the client may or may not send the body now
    }
    pass(context, DecoderResult.failure(cause));
  }

  private void pass(ChannelHandlerContext context, DecoderResult result) {
    HttpRequest request = head.orElseThrow();
    ByteBuf body = Unpooled.wrappedBuffer(Integer.MAX_VALUE, pieces.toArray(ByteBuf[]::new));
    pieces.clear();
    FullHttpRequest whole =
        new DefaultFullHttpRequest(
            request.protocolVersion(),
            request.method(),
            request.uri(),
            body,
            request.headers(),
            new DefaultHttpHeaders());
    whole.setDecoderResult(result);
    head = Optional.empty();
    context.fireChannelRead(whole);
  }

  @Override
  public void userEventTriggered(ChannelHandlerContext context, Object event) {
    ApiException error;
    if (event instanceof BodyTruncated truncated) {
      error = truncated.error();
    } else if (event == RequestDeadline.Event.TOO_SLOW) {
      error = PipelinedRequests.tooSlow();
    } else {
      context.fireUserEventTriggered(event);
      return;
    }
    if (head.isPresent()) {
      fail(context, error);
    } else {
      context.close(); // already answered, but its body does not end
    }
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext context) {
    drop();
    head = Optional.empty();
  }
}
