package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.NettyLeaks;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOutboundHandlerAdapter;
import io.netty.channel.ChannelPromise;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.DefaultHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Serialization of pipelined requests, and the end of their connection, without a network. */
@SuppressWarnings("FutureReturnValueIgnored") // what becomes of writes is read from the channel
@ExtendWith(NettyLeaks.Check.class)
class PipelinedRequestsTest {

  /** Fails every piece of an answer of two bytes, as an allocator that is at its limit does. */
  private static final class Failing extends ChannelOutboundHandlerAdapter {
    @Override
    public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) {
      if (message instanceof HttpContent piece && piece.content().readableBytes() == 2) {
        ReferenceCountUtil.release(message);
        promise.setFailure(new OutOfMemoryError("no buffer"));
      } else {
        context.write(message, promise);
      }
    }
  }

  private static EmbeddedChannel connection() {
    return new EmbeddedChannel(new Failing(), new PipelinedRequests(new InFlight()));
  }

  private static HttpRequest whole(String uri) {
    return new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, uri);
  }

  private static HttpRequest head(String uri) {
    return new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.POST, uri);
  }

  private static HttpContent piece(int bytes) {
    return new DefaultHttpContent(Unpooled.buffer(bytes).writeZero(bytes));
  }

  private static HttpResponse answer() {
    return new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
  }

  @Test
  void anAnswerThatLosesAPieceEndsItsConnection() {
    EmbeddedChannel channel = connection();
    channel.writeInbound(whole("/"));
    HttpResponse head = new DefaultHttpResponse(HttpVersion.HTTP_1_1, HttpResponseStatus.OK);
    channel.writeOneOutbound(head);
    channel.writeOneOutbound(piece(1));
    channel.flush();
    assertTrue(channel.isOpen());
    channel.writeOneOutbound(piece(2));
    channel.writeOneOutbound(piece(3));
    channel.writeOneOutbound(LastHttpContent.EMPTY_LAST_CONTENT);
    channel.flush();
    assertFalse(channel.isOpen());
    assertEquals(head, channel.readOutbound());
    HttpContent first = assertInstanceOf(HttpContent.class, channel.readOutbound());
    assertEquals(1, first.content().readableBytes());
    assertNull(channel.readOutbound(), "nothing follows the gap");
    channel.finishAndReleaseAll();
  }

  @Test
  void halfARequestBehindAnotherIsRefusedOnceThatIsAnswered() {
    EmbeddedChannel channel = connection();
    List<Object> events = new ArrayList<>();
    channel
        .pipeline()
        .addLast(
            new ChannelInboundHandlerAdapter() {
              @Override
              public void userEventTriggered(ChannelHandlerContext context, Object event) {
                events.add(event);
              }
            });
    channel.writeInbound(whole("/first"), head("/second"), piece(10));
    channel.pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
    assertInstanceOf(HttpRequest.class, channel.readInbound());
    assertNull(channel.readInbound(), "the second waits for its turn");
    channel.writeOutbound(answer());
    channel.runPendingTasks();
    assertInstanceOf(HttpResponse.class, channel.readOutbound());
    assertEquals(new BodyCollector.BodyTruncated(10, -1), events.get(0));
    channel.writeOutbound(answer());
    assertFalse(channel.isOpen());
    channel.finishAndReleaseAll();
  }

  @Test
  void aWholeRequestBehindAnotherIsAnsweredAfterTheInputHasEnded() {
    EmbeddedChannel channel = connection();
    channel.writeInbound(
        whole("/first"), head("/second"), piece(10), LastHttpContent.EMPTY_LAST_CONTENT);
    channel.pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
    channel.writeOutbound(answer());
    channel.runPendingTasks();
    assertTrue(channel.isOpen());
    channel.writeOutbound(answer());
    assertFalse(channel.isOpen());
    assertEquals(2, channel.outboundMessages().size());
    channel.finishAndReleaseAll();
  }

  private static EmbeddedChannel halfClosed(HttpVersion version) {
    EmbeddedChannel channel = connection();
    channel.freezeTime();
    channel.writeInbound(new DefaultFullHttpRequest(version, HttpMethod.GET, "/"));
    channel.pipeline().fireUserEventTriggered(ChannelInputShutdownEvent.INSTANCE);
    channel.runPendingTasks();
    return channel;
  }

  /** Lets a minute pass; returns the milliseconds at which the client was sent something. */
  private static List<Integer> probes(EmbeddedChannel channel) {
    List<Integer> times = new ArrayList<>();
    for (int millis = 10; millis <= 60_000; millis += 10) {
      channel.advanceTimeBy(10, TimeUnit.MILLISECONDS);
      channel.runScheduledPendingTasks();
      HttpResponse sent = channel.readOutbound();
      if (sent != null) {
        assertEquals(HttpResponseStatus.CONTINUE, sent.status());
        times.add(millis);
      }
    }
    return times;
  }

  @Test
  void aClientThatSendsNoMoreIsProbedAtOnceAndThenMoreRarely() {
    EmbeddedChannel channel = halfClosed(HttpVersion.HTTP_1_1);
    assertEquals(
        List.of(50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 40_600, 55_600),
        probes(channel));
    HttpResponse answer = answer();
    channel.writeOutbound(answer);
    assertEquals(answer, channel.readOutbound(), "it still gets its answer");
    assertFalse(channel.isOpen());
    channel.finishAndReleaseAll();
  }

  @Test
  void clientsThatDoNotKnowInterimResponsesOrStillSendAreNotProbed() {
    EmbeddedChannel old = halfClosed(HttpVersion.HTTP_1_0);
    EmbeddedChannel open = connection();
    open.freezeTime();
    open.writeInbound(whole("/"));
    for (EmbeddedChannel channel : List.of(old, open)) {
      assertEquals(List.of(), probes(channel));
      assertTrue(channel.isOpen());
      channel.finishAndReleaseAll();
    }
  }
}
