package io.calm.host;

import static io.calm.testing.HttpClients.get;
import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.parse;
import static io.calm.testing.HttpClients.post;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.generate.SchedulerSettings;
import io.calm.testing.NettyLeaks;
import io.calm.testing.ScriptedModels;
import java.io.IOException;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Connections that misbehave: slow, old, impatient, or not HTTP at all. */
@ExtendWith(NettyLeaks.Check.class)
class ConnectionsTest {
  private TestHost host = TestHost.closed();

  @BeforeEach
  void start() throws Exception {
    host = TestHost.start();
  }

  @AfterEach
  void stop() {
    host.close();
  }

  @Test
  void pipelinedRequestsAreAnsweredInOrder() throws Exception {
    host.serve("m");
    try (RawClient client = new RawClient(host.port())) {
      client.post("/predictions/m", "{\"inputs\": \"slow(y)|\", \"stream\": true}");
      client.post("/predictions/m", "{\"inputs\": \"say(second)|\"}");
      client.send("GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n");
      assertEquals(30, client.read().body().lines().count());
      assertEquals("{\"generated_text\":\"second\"}\n", client.read().body());
      assertEquals("{\"m\":{\"status\":\"Healthy\"}}\n", client.read().body());
    }
  }

  @Test
  void oldClientsGetAStreamThatEndsWithTheConnection() throws Exception {
    host.serve("m");
    String body = "{\"inputs\": \"say(old)|\", \"stream\": true}";
    try (RawClient client = new RawClient(host.port())) {
      client.send(
          "POST /predictions/m HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s"
              .formatted(body.length(), body));
      RawClient.Answer answer = client.read();
      assertEquals(200, answer.status());
      assertEquals("close", answer.headers().get("connection"));
      assertEquals(4, answer.body().lines().count());
    }
  }

  @Test
  void whatIsNotHttpIsRefusedAndCut() throws Exception {
    try (RawClient client = new RawClient(host.port())) {
      client.send("hello\r\n\r\n");
      RawClient.Answer answer = client.read();
      assertEquals(400, answer.status());
      assertTrue(parse(answer.body()).get("message").getAsString().startsWith("malformed HTTP"));
      assertTrue(client.ended());
    }
    try (RawClient client = new RawClient(host.port())) {
      client.send("GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n");
      assertEquals(404, client.read().status());
    }
    try (RawClient client = new RawClient(host.port())) {
      client.send("GET /ping HTTP/1.1\r\nHost: localhost\r\nX: " + "y".repeat(40_000) + "\r\n\r\n");
      assertEquals(431, client.read().status());
    }
  }

  /** 0.3 KB per token. */
  private static String flood(int tokens) {
    return "{\"prompt\": \"loop(x)|\", \"stream\": true, \"max_tokens\": %d, \"logprobs\": 3}"
        .formatted(tokens);
  }

  private void serveFloods(Duration timeout) {
    host.serve(
        ScriptedModels.builder("m")
            .scheduling(new SchedulerSettings(1_000_000, 16_384, 1, 1, 64))
            .slowReaderTimeout(timeout)
            .drainTimeout(Duration.ofSeconds(1)));
  }

  @Test
  void aReaderThatIsSlowHoldsUpItsOwnGenerationAndThenGetsAllOfIt() throws Exception {
    serveFloods(Duration.ofSeconds(60));
    try (RawClient client = RawClient.slow(host.port())) {
      client.post("/v1/completions", flood(6000));
      long generated = generated();
      long before = -1;
      while (generated != before || generated == 0) { // until it stands still
        Thread.sleep(300);
        before = generated;
        generated = generated();
      }
      assertTrue(
          generated < 4000, generated + " tokens of 0.3 KB wait for a client that reads none");
      String body = client.read().body();
      assertEquals(6000, Pattern.compile("\"text\":\"x\"").matcher(body).results().count());
      assertTrue(body.endsWith("data: [DONE]\n\n"));
    }
  }

  private long generated() throws Exception {
    return text(get(host.url() + "/calm/metrics"))
        .lines()
        .filter(line -> line.startsWith("calm_inter_token_seconds_count{model=\"m\""))
        .mapToLong(line -> (long) Double.parseDouble(line.substring(line.lastIndexOf(' '))))
        .sum();
  }

  @Test
  void aReaderThatIsTooSlowIsCut() throws Exception {
    serveFloods(Duration.ofSeconds(1));
    String flood = flood(900_000);
    try (Socket socket = new Socket()) {
      socket.setReceiveBufferSize(4096);
      socket.connect(host.embedded().address());
      socket
          .getOutputStream()
          .write(
              "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"
                  .formatted(flood.length(), flood)
                  .getBytes(StandardCharsets.US_ASCII));
      // It read nothing: 900000 events would not fit anywhere.
      host.awaitMetrics("outcome=\"cancelled\",} 1.0");
    }
  }

  @Test
  void closingWaitsForTheRequestsUnderWay() throws Exception {
    host.serve("m");
    TestHost closing = host;
    try (RawClient client = new RawClient(host.port())) {
      client.post(
          "/predictions/m",
          "{\"inputs\": \"slow(z)|\", \"stream\": true, \"parameters\": {\"max_new_tokens\": 50}}");
      host.awaitLoad("m", "running", 1);
      Thread stopping = new Thread(closing::closeHost);
      stopping.start();
      assertEquals(50, client.read().body().lines().count());
      stopping.join();
      assertThrows(IOException.class, () -> new RawClient(closing.port()));
    }
  }

  @Test
  void aFullQueueIsToldApartFromAFailure() throws Exception {
    host.serve(ScriptedModels.builder("m").scheduling(new SchedulerSettings(4096, 128, 1, 1, 64)));
    String slow =
        "{\"inputs\": \"slow(x)|\", \"stream\": true, \"parameters\": {\"max_new_tokens\": 3000}}";
    try (RawClient first = new RawClient(host.port());
        RawClient second = new RawClient(host.port())) {
      first.post("/predictions/m", slow);
      host.awaitLoad("m", "running", 1);
      second.post("/predictions/m", slow);
      host.awaitLoad("m", "waiting", 1);
      HttpResponse<byte[]> third = post(host.url() + "/predictions/m", slow);
      assertEquals(429, third.statusCode());
      assertEquals("1", third.headers().firstValue("Retry-After").orElse(""));
      assertEquals(
          "the queue is full: 1 running, 1 waiting, 2 allowed; try again later",
          object(third).get("error").getAsString());
    }
    host.awaitLoad("m", "running", 0);
  }
}
