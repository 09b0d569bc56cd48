package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.serving.reply.ApiException;
import io.calm.serving.reply.ByteBudget;
import io.calm.testing.NettyLeaks;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelFuture;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpVersion;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** The budget of answers that wait to be read. */
@ExtendWith(NettyLeaks.Check.class)
class AnswerFlowTest {
  private static final int MAX = 1000;

  private final ByteBudget budget = new ByteBudget(MAX);

  private EmbeddedChannel connection() {
    return new EmbeddedChannel(new AnswerFlow(budget));
  }

  private static ByteBuf bytes(int size) {
    return Unpooled.buffer(size).writeZero(size);
  }

  @Test
  void whatWaitsIsCountedUntilItIsWritten() {
    EmbeddedChannel channel = connection();
    ChannelFuture first = channel.write(bytes(400));
    assertFalse(budget.isHalfTaken());
    ChannelFuture second = channel.write(bytes(400));
    assertTrue(budget.isHalfTaken());
    channel.flush();
    assertTrue(first.isSuccess() && second.isSuccess());
    assertTrue(budget.take(MAX), "all is given back");
    channel.finishAndReleaseAll();
  }

  @Test
  void anAnswerBeyondTheBudgetEndsItsConnectionAndNoOther() {
    EmbeddedChannel good = connection();
    EmbeddedChannel bad = connection();
    ChannelFuture waiting = good.write(bytes(600));
    ByteBuf tooMuch = bytes(500);
    ChannelFuture refused = bad.write(tooMuch);
    assertFalse(refused.isSuccess());
    assertEquals(0, tooMuch.refCnt());
    assertFalse(bad.isOpen());
    assertTrue(good.isOpen());
    good.flush();
    assertTrue(waiting.isSuccess());
    assertTrue(budget.take(MAX), "all is given back");
    good.finishAndReleaseAll();
  }

  @Test
  void aConnectionThatClosesGivesBackWhatWaits() {
    EmbeddedChannel channel = connection();
    ChannelFuture waiting = channel.write(bytes(600));
    channel.close().syncUninterruptibly();
    assertFalse(waiting.isSuccess());
    assertTrue(budget.take(MAX), "all is given back");
  }

  @Test
  void noRequestIsBegunWhileAnswersHoldHalfOfTheBudget() {
    HeadCheck check =
        new HeadCheck(
            100,
            new ApiKey(Optional.empty()),
            new HostNames("127.0.0.1", List.of()),
            new Cors(List.of()),
            budget);
    EmbeddedChannel channel = new EmbeddedChannel(check);
    HttpRequest accepted = request("/calm/models");
    channel.writeInbound(accepted);
    assertTrue(accepted.decoderResult().isSuccess());
    assertTrue(budget.take(MAX / 2 + 1));
    HttpRequest refused = request("/calm/models");
    channel.writeInbound(refused);
    ApiException error = assertInstanceOf(ApiException.class, refused.decoderResult().cause());
    assertEquals(503, error.kind().status());
    HttpRequest probe = request("/ping");
    channel.writeInbound(probe);
    assertTrue(probe.decoderResult().isSuccess(), "whoever restarts servers is answered");
    channel.finishAndReleaseAll();
  }

  private static HttpRequest request(String path) {
    HttpRequest request = new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, path);
    request.headers().set("Host", "localhost");
    return request;
  }
}
