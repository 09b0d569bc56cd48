package io.calm.serving.http;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.calm.serving.reply.ApiException;
import io.calm.testing.NettyLeaks;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpVersion;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NettyLeaks.Check.class)
class HeldBodyTest {
  private final ByteBuf bytes = Unpooled.copiedBuffer("a body", UTF_8);
  private final HeldBody body = new HeldBody(bytes);

  HeldBodyTest() {
    bytes.release(); // the pipeline's own reference
  }

  @Test
  void isReadOnceAndReleasedBefore() {
    String text =
        body.read(
            (array, length) -> {
              assertEquals(0, bytes.refCnt());
              return new String(array, 0, length, UTF_8);
            });
    assertEquals("a body", text);
    body.drop();
    assertThrows(ApiException.class, () -> body.read((array, length) -> length));
  }

  /** The charge for a body ends with its connection, so its memory must, too. */
  @Test
  void isDroppedWhenTheClientHangsUpBeforeItIsRead() {
    EmbeddedChannel channel = new EmbeddedChannel(new ChannelInboundHandlerAdapter());
    reply(channel).attach(body);
    assertEquals(1, bytes.refCnt());
    channel.finish();
    assertEquals(0, bytes.refCnt());
    assertThrows(ApiException.class, () -> body.read((array, length) -> length));
  }

  @Test
  void isDroppedIfTheClientHasHungUpAlready() {
    EmbeddedChannel channel = new EmbeddedChannel(new ChannelInboundHandlerAdapter());
    NettyReply reply = reply(channel);
    channel.finish();
    reply.attach(body);
    assertEquals(0, bytes.refCnt());
  }

  private static NettyReply reply(EmbeddedChannel channel) {
    ChannelHandlerContext context = channel.pipeline().context(ChannelInboundHandlerAdapter.class);
    FullHttpRequest request =
        new DefaultFullHttpRequest(
            HttpVersion.HTTP_1_1, HttpMethod.POST, "/v1/completions", Unpooled.EMPTY_BUFFER);
    return new NettyReply(context, request, Responses.PLAIN);
  }
}
