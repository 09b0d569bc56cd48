package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.serving.reply.ApiException;
import io.netty.buffer.ByteBufUtil;
import io.netty.buffer.CompositeByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.handler.codec.http.TooLongHttpLineException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Bodies in pieces: put together, or refused as soon as the reason has arrived. */
final class BodyCollectorTest {
  private static final int MAX = 1 << 20;

  private final EmbeddedChannel channel = new EmbeddedChannel(new BodyCollector(MAX));

  @AfterEach
  void close() {
    channel.finishAndReleaseAll();
  }

  private void head() {
    channel.writeInbound(new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.POST, "/x"));
  }

  private void piece(byte[] bytes) {
    channel.writeInbound(new DefaultHttpContent(Unpooled.wrappedBuffer(bytes)));
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 13, 65_536, 100_000, 300_000})
  void piecesOfAnySizeMakeTheSameBody(int size) {
    byte[] body = ("{\"prompt\":\"" + "aé😀".repeat(30_000)).getBytes(StandardCharsets.UTF_8);
    head();
    for (int from = 0; from < body.length; from += size) {
      piece(Arrays.copyOfRange(body, from, Math.min(body.length, from + size)));
    }
    channel.writeInbound(new DefaultLastHttpContent());
    FullHttpRequest whole = channel.readInbound();
    assertTrue(whole.decoderResult().isSuccess());
    assertEquals(ByteBufUtil.hexDump(body), ByteBufUtil.hexDump(whole.content()));
    whole.release();
    head();
    channel.writeInbound(LastHttpContent.EMPTY_LAST_CONTENT);
    FullHttpRequest empty = channel.readInbound();
    assertEquals(0, empty.content().readableBytes());
    empty.release();
  }

  @Test
  void aBodyMayHaveTheMaximumLength() {
    head();
    piece(new byte[MAX]);
    channel.writeInbound(new DefaultLastHttpContent());
    FullHttpRequest longest = channel.readInbound();
    assertTrue(longest.decoderResult().isSuccess());
    assertEquals(MAX, longest.content().readableBytes());
    longest.release();
  }

  @Test
  void aChunkLineThatIsTooLongIsNoRequestLine() {
    head();
    DefaultLastHttpContent broken = new DefaultLastHttpContent();
    broken.setDecoderResult(DecoderResult.failure(new TooLongHttpLineException("too long")));
    channel.writeInbound(broken);
    FullHttpRequest refused = channel.readInbound();
    ApiException error = assertInstanceOf(ApiException.class, refused.decoderResult().cause());
    assertEquals(400, error.kind().status());
    assertEquals(
        "malformed HTTP request: chunk line: expected at most 8192 bytes, got more",
        error.getMessage());
    refused.release();
  }

  /** The budget is charged with what was received: many clients may each have sent a few bytes. */
  @ParameterizedTest
  @CsvSource({"1, 2", "1, 100", "100, 3", "1000, 300", "70000, 3"})
  void theArraysAreAtMostTwiceTheBody(int size, int count) {
    head();
    for (int i = 0; i < count; i++) {
      piece(" ".repeat(size).getBytes(StandardCharsets.UTF_8));
    }
    channel.writeInbound(new DefaultLastHttpContent());
    FullHttpRequest whole = channel.readInbound();
    CompositeByteBuf body = (CompositeByteBuf) whole.content();
    int arrays = 0;
    for (int i = 0; i < body.numComponents(); i++) {
      arrays += body.internalComponent(i).array().length;
    }
    assertEquals(size * count, body.readableBytes());
    assertTrue(arrays <= 2 * size * count, arrays + " bytes");
    whole.release();
  }

  @Test
  void aBodyWithTooManyValuesIsRefusedBeforeItsEnd() {
    head();
    piece("{\"x\":[".getBytes(StandardCharsets.UTF_8));
    byte[] values = "0,".repeat(30_000).getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < 3; i++) {
      piece(values);
      assertTrue(channel.inboundMessages().isEmpty(), "not yet");
    }
    piece(values);
    FullHttpRequest refused = channel.readInbound();
    assertFalse(refused.decoderResult().isSuccess());
    ApiException refusal = (ApiException) refused.decoderResult().cause();
    assertEquals(ApiException.Kind.BODY_TOO_COMPLEX, refusal.kind());
    assertEquals(0, refused.content().readableBytes());
    refused.release();
    piece(values);
    channel.writeInbound(new DefaultLastHttpContent());
    assertTrue(channel.inboundMessages().isEmpty(), "the rest is dropped");
    head();
    channel.writeInbound(
        new DefaultLastHttpContent(Unpooled.copiedBuffer("{\"x\":0}", StandardCharsets.UTF_8)));
    FullHttpRequest next = channel.readInbound();
    assertTrue(next.decoderResult().isSuccess());
    next.release();
  }
}
