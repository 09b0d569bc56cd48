package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.HttpClients;
import io.calm.testing.NettyLeaks;
import io.netty.channel.embedded.EmbeddedChannel;
import io.netty.handler.codec.http.DefaultFullHttpRequest;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(NettyLeaks.Check.class)
class ResponseRecordTest {
  private static final String RANDOM = "[0-9a-f]{32}";

  private static String id(RawClient.Answer answer) {
    return answer.headers().get("x-request-id");
  }

  @Test
  void everyAnswerHasTheIdOfItsRequest() throws Exception {
    try (TestHost host = TestHost.start()) {
      host.serve("m");
      try (RawClient client = new RawClient(host.port())) {
        client.post(
            "/predictions/m",
            "{\"inputs\": \"say(a b)|\", \"stream\": true}",
            "X-Request-Id: first/1\r\n");
        client.post("/predictions/none", "{}", "x-request-id: second\r\n");
        client.post("/predictions/m", "{", "x-request-id: third\r\n");
        client.send("GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n");
        client.send("bad\r\n\r\n");
        List<String> ids = new ArrayList<>();
        List<Integer> statuses = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
          RawClient.Answer answer = client.read();
          ids.add(id(answer));
          statuses.add(answer.status());
        }
        assertEquals(List.of(200, 404, 400, 200, 400), statuses);
        assertEquals(List.of("first/1", "second", "third"), ids.subList(0, 3));
        assertTrue(ids.get(3).matches(RANDOM), ids.get(3));
        assertTrue(ids.get(4).matches(RANDOM), ids.get(4));
        assertNotEquals(ids.get(3), ids.get(4));
      }
      List<String> counts =
          HttpClients.text(HttpClients.get(host.url() + "/calm/metrics"))
              .lines()
              .filter(line -> line.startsWith("calm_http_responses_total"))
              .toList();
      assertEquals(
          List.of(
              "calm_http_responses_total{status=\"200\",} 2.0",
              "calm_http_responses_total{status=\"400\",} 2.0",
              "calm_http_responses_total{status=\"404\",} 1.0"),
          counts);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"two words", "quote\"", "\u00e9", ""})
  void anIdThatIsUnsafeInALogIsReplaced(String sent) {
    DefaultFullHttpRequest request = request("/");
    request.headers().set("x-request-id", sent);
    assertTrue(RequestId.of(request.headers()).matches(RANDOM));
  }

  @Test
  void anIdMayHave128Characters() {
    DefaultFullHttpRequest request = request("/");
    String longest = "x".repeat(128);
    request.headers().set("x-request-id", longest);
    assertEquals(longest, RequestId.of(request.headers()));
    request.headers().set("x-request-id", longest + "x");
    assertTrue(RequestId.of(request.headers()).matches(RANDOM));
  }

  @Test
  void onlyErrorsThatNoProbeAskedForAreLogged() {
    List<Integer> statuses = new ArrayList<>();
    List<String> lines = new ArrayList<>();
    EmbeddedChannel channel =
        new EmbeddedChannel(new ResponseRecord(statuses::add, new ErrorLog(() -> 0, lines::add)));
    exchange(channel, "/ping", HttpResponseStatus.SERVICE_UNAVAILABLE);
    exchange(channel, "/v1/completions", HttpResponseStatus.OK);
    exchange(channel, "/v1/completions", HttpResponseStatus.CONTINUE);
    exchange(channel, "/a%0ab?secret", HttpResponseStatus.NOT_FOUND);
    exchange(channel, "http://user:secret@h/a?secret", HttpResponseStatus.BAD_REQUEST);
    assertEquals(
        List.of(
            "404 for GET /a%0ab (request r1, embedded)",
            "400 for GET http://***@h/a (request r1, embedded)"),
        lines);
    assertEquals(List.of(503, 200, 404, 400), statuses);
    assertFalse(channel.finishAndReleaseAll());
  }

  private static void exchange(EmbeddedChannel channel, String uri, HttpResponseStatus status) {
    DefaultFullHttpRequest request = request(uri);
    request.headers().set("x-request-id", "r1");
    assertTrue(channel.writeInbound(request));
    HttpResponse response = new DefaultFullHttpResponse(HttpVersion.HTTP_1_1, status);
    assertTrue(channel.writeOutbound(response));
    assertEquals(
        !status.equals(HttpResponseStatus.CONTINUE), response.headers().contains("x-request-id"));
    channel.releaseInbound();
    channel.releaseOutbound();
  }

  private static DefaultFullHttpRequest request(String uri) {
    return new DefaultFullHttpRequest(HttpVersion.HTTP_1_1, HttpMethod.GET, uri);
  }
}
