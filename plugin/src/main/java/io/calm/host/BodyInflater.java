package io.calm.host;

import io.calm.serving.reply.ApiException;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.LastHttpContent;
import java.util.Optional;
import java.util.zip.DataFormatException;

/**
 * Decompresses a request body while it arrives. Both its compressed and its decompressed size are
 * limited; nothing is decompressed beyond the limit.
 */
final class BodyInflater extends ChannelInboundHandlerAdapter {
  private final int maxBytes;
  private Optional<Inflation> decompressor = Optional.empty();
  private long compressed;
  private long produced;

  BodyInflater(int maxBytes) {
    this.maxBytes = maxBytes;
  }

  @Override
  public void channelRead(ChannelHandlerContext context, Object message) {
    if (message instanceof HttpRequest request) {
      begin(request);
    }
    if (decompressor.isPresent() && message instanceof HttpContent content) {
      try {
        inflate(context, content);
      } finally {
        content.release();
      }
    } else {
      context.fireChannelRead(message);
    }
  }

  private void begin(HttpRequest request) {
    end();
    HttpHeaders headers = request.headers();
    BodyCoding coding = BodyCoding.of(headers);
    if (coding == BodyCoding.IDENTITY || !request.decoderResult().isSuccess()) {
      return;
    }
    headers.remove(HttpHeaderNames.CONTENT_ENCODING);
    headers.remove(HttpHeaderNames.CONTENT_LENGTH); // that of the compressed form
    decompressor = Optional.of(new Inflation(coding));
    compressed = 0;
    produced = 0;
  }

  private void inflate(ChannelHandlerContext context, HttpContent content) {
    Inflation current = decompressor.orElseThrow();
    boolean last = content instanceof LastHttpContent;
    if (!content.decoderResult().isSuccess()) {
      pass(context, new DefaultHttpContent(Unpooled.EMPTY_BUFFER), content.decoderResult());
      return;
    }
    try {
      byte[] input = ByteBufUtil.getBytes(content.content());
      compressed += input.length;
      produced +=
          current.feed(
              input,
              maxBytes - produced + 1,
              piece ->
                  context.fireChannelRead(new DefaultHttpContent(Unpooled.wrappedBuffer(piece))));
      if (compressed > maxBytes || produced > maxBytes) {
        fail(context, BodyCollector.tooLarge(maxBytes));
      } else if (last && !current.isWhole()) {
        fail(context, damaged("it ends early"));
      } else if (last) {
        end();
        context.fireChannelRead(new DefaultLastHttpContent());
      }
    } catch (DataFormatException e) {
      fail(context, damaged(String.valueOf(e.getMessage())));
    }
  }

  private static ApiException damaged(String problem) {
    return new ApiException(
        ApiException.Kind.INVALID,
        "body: cannot be decompressed by its Content-Encoding: " + problem);
  }

  /** Fails the request; the rest of its body passes unchanged and is then discarded. */
  private void fail(ChannelHandlerContext context, ApiException error) {
    end();
    pass(context, new DefaultHttpContent(Unpooled.EMPTY_BUFFER), DecoderResult.failure(error));
  }

  private static void pass(
      ChannelHandlerContext context, DefaultHttpContent content, DecoderResult result) {
    content.setDecoderResult(result);
    context.fireChannelRead(content);
  }

  private void end() {
    decompressor.ifPresent(Inflation::close);
    decompressor = Optional.empty();
  }

  @Override
  public void handlerRemoved(ChannelHandlerContext context) {
    end();
  }
}
