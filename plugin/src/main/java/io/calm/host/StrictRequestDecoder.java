package io.calm.host;

import io.netty.buffer.ByteBuf;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.HttpMessage;
import io.netty.handler.codec.http.HttpRequestDecoder;
import io.netty.handler.codec.http.LastHttpContent;
import java.util.List;

/**
 * An HTTP decoder that rejects ambiguous requests. A request with two lengths is an error, because
 * a proxy may choose the other length and treat the rest of the body as a request (request
 * smuggling). Bytes that cannot begin a request, such as a TLS handshake, are rejected without
 * waiting for the end of a line. Tracks its position in the stream of requests.
 */
final class StrictRequestDecoder extends HttpRequestDecoder {
  static final int MAX_LINE_BYTES = 8192;
  static final int MAX_HEADER_BYTES = 32_768;
  private static final int MAX_CHUNK_BYTES = 8192;

  private boolean inRequest;
  private boolean garbage;
  private long completed;

  StrictRequestDecoder() {
    super(MAX_LINE_BYTES, MAX_HEADER_BYTES, MAX_CHUNK_BYTES);
  }

  @Override
  protected HttpMessage createMessage(String[] initialLine) throws Exception {
    inRequest = true;
    return super.createMessage(initialLine);
  }

  @Override
  protected void decode(ChannelHandlerContext context, ByteBuf bytes, List<Object> out)
      throws Exception {
    boolean begins = !inRequest && !garbage && bytes.isReadable();
    if (begins && !mayBegin(bytes.getByte(bytes.readerIndex()))) {
      garbage = true;
      HttpMessage none = createInvalidMessage();
      none.setDecoderResult(
          DecoderResult.failure(new IllegalArgumentException("expected text, got other bytes")));
      out.add(none);
    }
    if (garbage) {
      bytes.skipBytes(bytes.readableBytes());
      return;
    }
    super.decode(context, bytes, out);
    if (!out.isEmpty() && out.get(out.size() - 1) instanceof LastHttpContent) {
      inRequest = false;
      completed++;
    }
  }

  private static boolean mayBegin(byte first) {
    return first == '\r' || first == '\n' || (first >= ' ' && first < 0x7F);
  }

  @Override
  protected void handleTransferEncodingChunkedWithContentLength(HttpMessage message) {
    throw new IllegalArgumentException("expected Content-Length or Transfer-Encoding, got both");
  }

  /** Returns whether a request has begun and not ended. */
  boolean midRequest() {
    return inRequest || actualReadableBytes() > 0;
  }

  /** Returns the number of requests that were read to their end. */
  long completed() {
    return completed;
  }
}
