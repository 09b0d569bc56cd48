package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.netty.buffer.Unpooled;
import io.netty.channel.Channel;
import io.netty.channel.ChannelException;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import org.junit.jupiter.api.Test;

/** Answers to clients that have hung up. DJL Serving's classes cannot be called here. */
class DjlResponsesTest {
  private final DjlResponses responses = new DjlResponses();

  @Test
  void anAnswerToAClosedChannelIsDropped() {
    EmbeddedChannel channel = new EmbeddedChannel();
    assertTrue(channel.close().isSuccess());
    assertDropped(channel);
  }

  @Test
  void anAnswerToASocketThatIsClosedMeanwhileIsDropped() {
    Channel channel = new NioSocketChannel();
    channel.unsafe().closeForcibly();
    assertThrows(
        ChannelException.class, () -> channel.config().setOption(ChannelOption.SO_LINGER, -1));
    assertDropped(channel);
  }

  private void assertDropped(Channel channel) {
    channel.pipeline().addLast(new ChannelInboundHandlerAdapter());
    ChannelHandlerContext context = channel.pipeline().lastContext();
    FullHttpResponse whole =
        new DefaultFullHttpResponse(
            HttpVersion.HTTP_1_1, HttpResponseStatus.OK, Unpooled.buffer().writeByte(1));
    responses.whole(context, whole, true);
    assertEquals(0, whole.refCnt());
    responses.head(
        context, new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK), true);
  }
}
