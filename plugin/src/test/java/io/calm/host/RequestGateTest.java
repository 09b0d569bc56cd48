package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.serving.http.RequestWorkers;
import io.calm.serving.reply.ByteBudget;
import io.netty.buffer.Unpooled;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.DefaultHttpContent;
import io.netty.handler.codec.http.DefaultHttpRequest;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** The charges for bodies, and their release. */
final class RequestGateTest {
  private static final int MAX_BODY_BYTES = 100;
  private static final int MAX = 400;

  private final ByteBudget budget = new ByteBudget(MAX);
  private final EmbeddedChannel channel =
      new EmbeddedChannel(new RequestGate(budget, MAX_BODY_BYTES));

  @AfterEach
  void everythingIsGivenBackInTheEnd() {
    channel.finishAndReleaseAll();
    assertLeft(MAX);
  }

  @Test
  void aBodyHoldsItsBytesUntilItsAnswer() {
    head(60);
    body(60);
    assertLeft(MAX - 60);
    answer(HttpResponseStatus.OK);
    assertLeft(MAX);
  }

  @Test
  void aBodyThatIsRefusedByItsLengthIsNotCharged() {
    head(5000);
    answer(HttpResponseStatus.REQUEST_ENTITY_TOO_LARGE);
    body(90);
    assertLeft(MAX);
  }

  @Test
  void aBodyThatGrowsBeyondTheLimitGivesBackWhatItTook() {
    head(0);
    piece(90);
    assertLeft(MAX - 90);
    piece(20);
    assertLeft(MAX);
    body(50);
    assertLeft(MAX);
  }

  @Test
  void anAnswerGivesBackItsOwnRequestsBytesAlone() {
    head(80);
    body(80);
    head(70);
    body(70);
    assertLeft(MAX - 150);
    answer(HttpResponseStatus.OK);
    assertLeft(MAX - 70);
    answer(HttpResponseStatus.OK);
    assertLeft(MAX);
  }

  @Test
  void aContinueGivesNothingBack() {
    head(80);
    piece(40);
    answer(HttpResponseStatus.CONTINUE);
    body(40);
    assertLeft(MAX - 80);
  }

  @Test
  void aBodyThereIsNoRoomForIsRefusedAndHoldsNothing() {
    for (int i = 0; i < 3; i++) {
      head(100);
      assertTrue(body(100).decoderResult().isSuccess());
    }
    head(100);
    assertFalse(body(100).decoderResult().isSuccess());
    assertLeft(MAX - 300); // the rest is left to parsed forms
  }

  @Test
  void largeBodiesLeaveHalfOfTheBudget() {
    int large = RequestWorkers.LARGE + 1;
    ByteBudget shared = new ByteBudget(4L * large);
    EmbeddedChannel gated = new EmbeddedChannel(new RequestGate(shared, large));
    List<Boolean> taken = new ArrayList<>();
    for (int size : new int[] {large, large, large, RequestWorkers.LARGE, large}) {
      HttpContent body = new DefaultLastHttpContent(Unpooled.buffer(size).writeZero(size));
      gated.writeInbound(
          new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.POST, "/invocations"), body);
      taken.add(body.decoderResult().isSuccess());
    }
    assertEquals(List.of(true, true, false, true, false), taken);
    gated.finishAndReleaseAll();
    assertTrue(shared.take(shared.max()), "everything is given back");
  }

  private void head(int length) {
    DefaultHttpRequest request =
        new DefaultHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.POST, "/invocations");
    request.headers().set("Host", "here");
    if (length > 0) {
      request.headers().set("Content-Length", length);
    } else {
      request.headers().set("Transfer-Encoding", "chunked");
    }
    channel.writeInbound(request);
  }

  private void piece(int bytes) {
    channel.writeInbound(new DefaultHttpContent(Unpooled.buffer(bytes).writeZero(bytes)));
  }

  private HttpContent body(int bytes) {
    HttpContent last = new DefaultLastHttpContent(Unpooled.buffer(bytes).writeZero(bytes));
    channel.writeInbound(last);
    return last;
  }

  private void answer(HttpResponseStatus status) {
    channel.writeOutbound(new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status));
  }

  private void assertLeft(long bytes) {
    assertTrue(budget.take(bytes), "expected " + bytes + " bytes left");
    budget.give(bytes);
    boolean more = budget.take(bytes + 1);
    if (more) {
      budget.give(bytes + 1);
    }
    assertEquals(false, more, "expected no more than " + bytes + " bytes left");
  }
}
