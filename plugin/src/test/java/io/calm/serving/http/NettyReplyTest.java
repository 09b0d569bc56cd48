package io.calm.serving.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.serving.reply.PreparedReply.Running;
import io.calm.testing.NettyLeaks;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

@ExtendWith(NettyLeaks.Check.class)
class NettyReplyTest {
  private final SlowReader reader = new SlowReader();
  private final EmbeddedChannel channel =
      new EmbeddedChannel(reader, new ChannelInboundHandlerAdapter());
  private final Generating generation = new Generating();
  private final NettyReply reply =
      new NettyReply(
          channel.pipeline().lastContext(),
          new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.POST, "/v1/completions"),
          Responses.PLAIN);

  @AfterEach
  void close() {
    channel.finishAndReleaseAll();
  }

  private static final class Generating implements Running {
    private final List<String> calls = new ArrayList<>();

    @Override
    public void cancel() {
      calls.add("cancel");
    }

    @Override
    public void pause() {
      calls.add("pause");
    }

    @Override
    public void resume() {
      calls.add("resume");
    }
  }

  private void begin() {
    reply.attach(generation);
    reply.begin("text/event-stream", Map.of());
  }

  /** E.g. the echoes of eight long prompts with log-probabilities, and the ends of the answers. */
  @Test
  void theLargePiecesOfOneStepReachAClientThatReadsThem() {
    begin();
    int large = 2 << 20;
    for (int i = 0; i < 8; i++) {
      reply.write(new byte[large]);
    }
    reply.write(new byte[10]);
    assertEquals(List.of("pause"), generation.calls);
    reader.read();
    assertEquals(List.of("pause", "resume"), generation.calls);
    reply.end();
    reader.read();
    assertTrue(channel.isActive());
    long bytes = 0;
    Object last = null;
    for (Object out = channel.readOutbound(); out != null; out = channel.readOutbound()) {
      bytes += out instanceof HttpContent content ? content.content().readableBytes() : 0;
      last = out;
    }
    assertEquals(8L * large + 10, bytes);
    assertTrue(last instanceof LastHttpContent, String.valueOf(last));
  }

  @Test
  void theGenerationOfAClientThatDoesNotReadIsPausedUntilItIsDisconnected() {
    begin();
    reply.write(new byte[(int) NettyReply.PAUSE_AT + 1]);
    channel.close().syncUninterruptibly();
    assertEquals(List.of("pause", "cancel"), generation.calls);
  }
}
