package io.calm.host;

import static io.calm.testing.HttpClients.get;
import static io.calm.testing.HttpClients.object;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.testing.HttpClients;
import io.calm.testing.NettyLeaks;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Requests that are wrong, hostile or half: each gets its status and a JSON error without a stack
 * trace, and leaves neither a buffer nor a generation behind.
 */
@ExtendWith(NettyLeaks.Check.class)
class BrokenClientsTest {
  private static final String CLOSED = "closed";
  private static final String OPEN = "open";

  private TestHost host = TestHost.closed();

  @BeforeEach
  void start() throws Exception {
    host =
        TestHost.start(
            new HostSettingsBuilder()
                .maxBodyBytes(200_000)
                .requestReadTimeout(Duration.ofMillis(400))
                .grace(Duration.ofSeconds(1))
                .build());
    host.serve("m");
  }

  @AfterEach
  void stop() {
    host.close();
  }

  private static String post(String headers, String body) {
    return "POST /predictions/m HTTP/1.1\r\n" + headers + "\r\n" + body;
  }

  private static String chunked(String... chunks) {
    StringBuilder text = new StringBuilder();
    for (String chunk : chunks) {
      text.append(Integer.toHexString(chunk.length())).append("\r\n").append(chunk).append("\r\n");
    }
    return text + "0\r\n\r\n";
  }

  static Stream<Arguments> requests() {
    String good = "{\"inputs\": \"say(hi)|\"}";
    String host = "Host: localhost\r\n";
    String length = "Content-Length: " + good.length() + "\r\n";
    String coded = "Transfer-Encoding: chunked\r\n";
    return Stream.of(
        Arguments.of(
            "a length and chunks",
            post(host + length + coded, good),
            400,
            CLOSED,
            "expected Content-Length or Transfer-Encoding, got both"),
        Arguments.of(
            "two lengths",
            post(host + length + "Content-Length: 5\r\n", good),
            400,
            CLOSED,
            "Multiple Content-Length values"),
        Arguments.of(
            "a negative length",
            post(host + "Content-Length: -1\r\n", ""),
            400,
            CLOSED,
            "Content-Length value is not a number: -1"),
        Arguments.of(
            "a length that is no number",
            post(host + "Content-Length: ten\r\n", ""),
            400,
            CLOSED,
            "Content-Length value is not a number: ten"),
        Arguments.of(
            "a length beyond 64 bits",
            post(host + "Content-Length: 99999999999999999999\r\n", ""),
            400,
            CLOSED,
            "Content-Length value is not a number: 9999"),
        Arguments.of(
            "a coding that only looks like chunks",
            post(host + "Transfer-Encoding: xchunked\r\n", chunked(good)),
            400,
            CLOSED,
            "transfer coding must be chunked"),
        Arguments.of(
            "chunks twice",
            post(host + coded + "Transfer-Encoding: identity\r\n", chunked(good)),
            400,
            CLOSED,
            "in the Transfer-Encoding header"),
        Arguments.of(
            "chunks in HTTP/1.0",
            "POST /predictions/m HTTP/1.0\r\n" + coded + "\r\n" + chunked(good),
            400,
            CLOSED,
            "Transfer-Encoding header is only allowed in HTTP/1.1"),
        Arguments.of(
            "a space before the colon",
            post(host + "Content-Length : " + good.length() + "\r\n", good),
            400,
            CLOSED,
            "index 14 of header 'Content-Length '"),
        Arguments.of(
            "a chunk size that is none",
            post(host + coded, "zz\r\n"),
            400,
            CLOSED,
            "Invalid character in chunk size"),
        Arguments.of("no Host", post(length, good), 400, CLOSED, "expected one Host header, got 0"),
        Arguments.of(
            "two Hosts",
            post(host + host + length, good),
            400,
            CLOSED,
            "expected one Host header, got 2"),
        Arguments.of(
            "a flood of headers",
            post(host + "X-Flood: y\r\n".repeat(4000) + length, good),
            431,
            CLOSED,
            "headers: expected at most 32768 bytes"),
        Arguments.of(
            "one long header",
            post(host + "X: " + "y".repeat(40_000) + "\r\n", ""),
            431,
            CLOSED,
            "headers: expected at most 32768 bytes"),
        Arguments.of(
            "a long line",
            "GET /" + "y".repeat(10_000) + " HTTP/1.1\r\n" + host,
            414,
            CLOSED,
            "request line: expected at most 8192 bytes"),
        Arguments.of(
            "an expectation of ours",
            post(host + length + "Expect: tea\r\n", good),
            417,
            OPEN,
            "Expect: expected 100-continue, got tea"),
        Arguments.of("chunks that are good", post(host + coded, chunked(good)), 200, OPEN, ""),
        Arguments.of(
            "a body too long by its length",
            post(host + "Content-Length: 200001\r\n", "x".repeat(200_001)),
            413,
            OPEN,
            "body: expected at most 200000 bytes"),
        Arguments.of(
            "a body too long in chunks",
            post(host + coded, chunked("x".repeat(150_000), "x".repeat(150_000))),
            413,
            OPEN,
            "body: expected at most 200000 bytes"),
        Arguments.of(
            "an empty version", "GET /ping\r\n" + host + "\r\n", 400, CLOSED, "text is empty"),
        Arguments.of("another protocol", "SSH-2.0-client\r\n\r\n", 400, CLOSED, "text is empty"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("requests")
  void aRequestGetsItsStatus(String name, String request, int status, String after, String message)
      throws Exception {
    try (RawClient client = new RawClient(host.port())) {
      client.send(request);
      RawClient.Answer answer = client.read();
      assertEquals(status, answer.status(), answer.body());
      assertEquals("application/json", answer.headers().get("content-type"));
      JsonObject body = JsonParser.parseString(answer.body()).getAsJsonObject();
      if (status != 200) {
        assertEquals(status, body.get("code").getAsInt());
        assertTrue(body.get("message").getAsString().contains(message), answer.body());
        assertFalse(answer.body().contains("\tat ") || answer.body().contains("Exception"));
      }
      if (after.equals(CLOSED)) {
        assertEquals("close", answer.headers().get("connection"));
        assertTrue(client.ended());
      } else {
        client.send("GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assertEquals(200, client.read().status(), "the connection goes on");
      }
    }
    assertEquals(200, get(host.url() + "/ping").statusCode());
  }

  static Stream<Arguments> bodies() {
    return Stream.of(
        Arguments.of("", "body: expected a JSON object, got an empty body"),
        Arguments.of("[]", "body: expected a JSON object, got an array"),
        Arguments.of("{", "body: malformed JSON"),
        Arguments.of("{\"inputs\": \"x\"} {}", "body: expected one JSON object, got more"),
        Arguments.of("{'inputs': 'x'}", "body: malformed JSON"),
        Arguments.of("{\"inputs\": NaN}", "body: malformed JSON"),
        Arguments.of("{\"a\": ".repeat(30_000), "body: malformed JSON: Nesting limit 64"),
        Arguments.of("{\"a\": " + "[".repeat(100_000), "body: malformed JSON: Nesting limit 64"),
        Arguments.of(
            "{\"inputs\": \"x\", \"inputs\": \"y\"}",
            "body: expected each key once, got two of them at $.inputs"),
        Arguments.of(
            "{\"inputs\": \"x\", \"parameters\": {\"seed\": 1, \"seed\": 2}}",
            "body: expected each key once, got two of them at $.parameters.seed"),
        Arguments.of(
            "{\"inputs\": \"x\", \"parameters\": {\"temperature\": 1e999}}",
            "parameters.temperature: expected a number that a double holds, got the number 1e999"),
        Arguments.of(
            "{\"inputs\": \"x\", \"parameters\": {\"max_new_tokens\": " + "9".repeat(400) + "}}",
            "parameters.max_new_tokens: expected a whole number from 1 to 2147483647"),
        Arguments.of(
            "{\"inputs\": \"x\", \"parameters\": {\"max_new_tokens\": \"9\"}}",
            "parameters.max_new_tokens: expected a whole number, got the string \"9\""),
        Arguments.of("{\"inputs\": null}", "inputs"),
        Arguments.of("{\"inputs\": \"\\ud800\"}", "got half of a surrogate pair at index 0"));
  }

  @ParameterizedTest
  @MethodSource("bodies")
  void aBodyThatCannotBeIsNamed(String body, String reason) throws Exception {
    try (RawClient client = new RawClient(host.port())) {
      client.post("/predictions/m", body);
      RawClient.Answer answer = client.read();
      assertEquals(400, answer.status(), answer.body());
      String message =
          JsonParser.parseString(answer.body()).getAsJsonObject().get("message").getAsString();
      assertTrue(message.contains(reason), message);
      assertTrue(answer.body().length() < 1000, "the client's own bytes do not come back");
    }
  }

  @Test
  void bytesThatAreNotUtf8AreRefused() throws Exception {
    byte[] body = "{\"inputs\": \"x\"}".getBytes(StandardCharsets.US_ASCII);
    body[12] = (byte) 0xFF;
    var answer = HttpClients.post(host.url() + "/predictions/m", body);
    assertEquals(400, answer.statusCode());
    assertEquals(
        "body: expected UTF-8, got an invalid sequence at byte 12",
        object(answer).get("message").getAsString());
  }

  @Test
  void aRequestThatTricklesIsTimedOut() throws Exception {
    for (String start :
        List.of(
            "POST /predictions/m HTTP/1.1\r\nHost: localhost\r\n",
            "POST /predictions/m HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n")) {
      try (RawClient client = new RawClient(host.port())) {
        client.send(start);
        boolean sending = true;
        for (int i = 0; sending && i < 40; i++) { // 2 s, but it has 0.4 s
          Thread.sleep(50);
          try {
            client.send("x");
          } catch (IOException cut) {
            sending = false;
          }
        }
        RawClient.Answer answer = client.read();
        assertEquals(408, answer.status());
        assertEquals("close", answer.headers().get("connection"));
      }
    }
  }

  @Test
  void aSlowRequestBehindAnotherWaitsForItsTurnToBeTimedOut() throws Exception {
    try (RawClient client = new RawClient(host.port())) {
      client.post(
          "/predictions/m",
          "{\"inputs\": \"slow(z)|\", \"stream\": true, \"parameters\": {\"max_new_tokens\": 400}}");
      client.send("POST /predictions/m HTTP/1.1\r\nHost");
      assertEquals(400, client.read().body().lines().count(), "the answer in flight is whole");
      assertEquals(408, client.read().status());
      assertTrue(client.ended());
    }
  }

  @Test
  void aClientThatExpectsToBeAskedIsAsked() throws Exception {
    String body = "{\"inputs\": \"say(hi)|\"}";
    try (RawClient client = new RawClient(host.port())) {
      client.send(
          "POST /predictions/m HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: "
              + body.length()
              + "\r\n\r\n");
      assertEquals(100, client.readInterim());
      client.send(body);
      assertEquals("{\"generated_text\":\"hi\"}\n", client.read().body());
    }
  }

  @Test
  void requestsThatEndAnywhereLeaveNothingBehind() throws Exception {
    String whole =
        post(
            "Host: localhost\r\nTransfer-Encoding: chunked\r\n",
            chunked("{\"inputs\": ", "\"slow(x)|\", \"stream\": true}"));
    for (int end = 1; end <= whole.length(); end++) {
      try (RawClient client = new RawClient(host.port())) {
        client.send(whole.substring(0, end));
      }
    }
    host.awaitLoad("m", "waiting", 0);
    host.awaitLoad("m", "running", 0);
    assertEquals(200, get(host.url() + "/ping").statusCode());
  }

  @Test
  void aHundredConnectionsAreAnsweredAtOnce() throws Exception {
    List<RawClient> clients = new ArrayList<>();
    try {
      for (int i = 0; i < 100; i++) {
        RawClient client = new RawClient(host.port());
        clients.add(client);
        client.post("/predictions/m", "{\"inputs\": \"say(answer %d)|\"}".formatted(i));
      }
      int answered = 0;
      for (int i = 0; i < clients.size(); i++) {
        RawClient.Answer answer = clients.get(i).read();
        if (answer.status() == 200) {
          assertEquals("{\"generated_text\":\"answer %d\"}\n".formatted(i), answer.body());
          answered++;
        } else {
          assertEquals(429, answer.status(), "16 run and 64 wait: the rest may be told so");
          assertEquals("1", answer.headers().get("retry-after"));
        }
      }
      assertTrue(answered >= 80, answered + " were answered");
    } finally {
      for (RawClient client : clients) {
        client.close();
      }
    }
  }
}
