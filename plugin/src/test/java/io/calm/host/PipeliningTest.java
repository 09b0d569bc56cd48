package io.calm.host;

import static io.calm.testing.HttpClients.get;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonParser;
import io.calm.generate.SchedulerSettings;
import io.calm.serving.model.LoadProgress;
import io.calm.testing.NettyLeaks;
import io.calm.testing.ScriptedModels;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Clients that send much and read little, or say early that they send no more. */
@ExtendWith(NettyLeaks.Check.class)
class PipeliningTest {
  private static final Duration SLOW_READER_TIMEOUT = Duration.ofMillis(600);
  private static final Duration LONG = Duration.ofSeconds(60);
  private static final String SLOW =
      "{\"inputs\": \"slow(z)|\", \"parameters\": {\"max_new_tokens\": %d}, \"stream\": %s}";

  private TestHost host = TestHost.closed();

  @BeforeEach
  void start() throws Exception {
    host = TestHost.start(new HostSettingsBuilder().slowReaderTimeout(SLOW_READER_TIMEOUT).build());
    host.serve("m");
  }

  @AfterEach
  void stop() {
    host.close();
  }

  @Test
  void moreRequestsThanMayWaitAreToldSo() throws Exception {
    try (RawClient client = new RawClient(host.port())) {
      StringBuilder all = new StringBuilder();
      String body = SLOW.formatted(5, false);
      for (int i = 0; i < 20; i++) {
        all.append(
            "POST /predictions/m HTTP/1.1\r\nHost: localhost\r\nx-request-id: r%d\r\nContent-Length: %d\r\n\r\n%s"
                .formatted(i, body.length(), body));
      }
      client.send(all.toString());
      for (int i = 0; i < 1 + PipelinedRequests.MAX_QUEUED; i++) {
        assertEquals("{\"generated_text\":\"zzzzz\"}\n", client.read().body());
      }
      RawClient.Answer refused = client.read();
      assertEquals(429, refused.status());
      assertEquals("close", refused.headers().get("connection"));
      assertEquals("r" + (1 + PipelinedRequests.MAX_QUEUED), refused.headers().get("x-request-id"));
      assertTrue(client.ended());
    }
  }

  @Test
  void largeBodiesBehindOthersAreReadWhenTheirTurnComes() throws Exception {
    String padding = " ".repeat(300_000);
    try (RawClient client = new RawClient(host.port())) {
      client.post("/predictions/m", SLOW.formatted(50, true));
      Thread sending =
          new Thread(
              () -> {
                try {
                  for (int i = 0; i < 12; i++) {
                    client.post(
                        "/predictions/m", "{\"inputs\": \"say(%d)|\"}".formatted(i) + padding);
                  }
                } catch (IOException e) {
                  throw new IllegalStateException(e);
                }
              });
      sending.start();
      assertEquals(50, client.read().body().lines().count());
      for (int i = 0; i < 12; i++) {
        assertEquals("{\"generated_text\":\"%d\"}\n".formatted(i), client.read().body());
      }
      sending.join();
    }
  }

  @Test
  void aContinueIsNotSentInTheMiddleOfAnotherAnswer() throws Exception {
    String body = "{\"inputs\": \"say(b)|\"}";
    try (RawClient client = new RawClient(host.port())) {
      client.post("/predictions/m", SLOW.formatted(40, true));
      client.send(
          "POST /predictions/m HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
              + "Content-Length: %d\r\n\r\n".formatted(body.length()));
      assertEquals(40, client.read().body().lines().count());
      assertEquals(100, client.readInterim());
      client.send(body);
      assertEquals("{\"generated_text\":\"b\"}\n", client.read().body());
    }
  }

  /** Sends requests until the server takes no more, without reading. */
  private static long flood(Socket socket, String request, Duration time) throws IOException {
    byte[] many = request.repeat(200).getBytes(StandardCharsets.US_ASCII);
    socket.setSoTimeout(100);
    long end = System.nanoTime() + time.toNanos();
    long sent = 0;
    while (System.nanoTime() < end) {
      socket.getOutputStream().write(many);
      sent += many.length;
    }
    return sent;
  }

  @ParameterizedTest
  @ValueSource(strings = {"/calm/metrics", "/ping", "/nowhere"})
  void requestsWhoseAnswersAreNotReadEndTheConnection(String path) throws Exception {
    String request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
    assertTimeoutPreemptively(
        LONG,
        () -> {
          try (Socket socket = new Socket()) {
            socket.setReceiveBufferSize(4096);
            socket.connect(host.embedded().address());
            assertThrows(IOException.class, () -> flood(socket, request, LONG.multipliedBy(2)));
          }
        });
    assertEquals(200, get(host.url() + "/ping").statusCode());
  }

  /** Makes a page so long that no socket buffer takes it. */
  private void manyModels() {
    for (int i = 0; i < 3000; i++) {
      String name = "model-%04d".formatted(i);
      LoadProgress load = host.registry().loading(name, "file:/x");
      host.registry().failed(load, name, "file:/x", "x".repeat(3000));
    }
  }

  @Test
  void aPageThatIsNotReadEndsTheConnection() throws Exception {
    manyModels();
    assertTimeoutPreemptively(
        LONG,
        () -> {
          try (Socket socket = new Socket()) {
            socket.setReceiveBufferSize(4096);
            socket.connect(host.embedded().address());
            socket
                .getOutputStream()
                .write(
                    "GET /calm/models HTTP/1.1\r\nHost: localhost\r\n\r\n"
                        .getBytes(StandardCharsets.US_ASCII));
            Thread.sleep(3 * SLOW_READER_TIMEOUT.toMillis());
            assertThrows(IOException.class, () -> flood(socket, "x", LONG.multipliedBy(2)));
          }
        });
  }

  @Test
  void aSlowReaderThatReadsGetsAllOfIt() throws Exception {
    manyModels();
    long whole = get(host.url() + "/calm/models").body().length;
    assertTrue(whole > 9_000_000, whole + " bytes");
    try (Socket socket = new Socket()) {
      socket.setReceiveBufferSize(64 << 10);
      socket.connect(host.embedded().address());
      socket
          .getOutputStream()
          .write(
              "GET /calm/models HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                  .getBytes(StandardCharsets.US_ASCII));
      long read = 0;
      byte[] piece = new byte[512 << 10];
      for (int size = 0;
          size >= 0;
          size = socket.getInputStream().readNBytes(piece, 0, piece.length)) {
        if (size == 0 && read > 0) {
          break;
        }
        read += size;
        Thread.sleep(SLOW_READER_TIMEOUT.toMillis() / 6);
      }
      assertTrue(read > whole, read + " of " + whole + " bytes, in more than the timeout");
    }
  }

  @Test
  void aClientThatSendsNoMoreGetsItsAnswers() throws Exception {
    try (RawClient client = new RawClient(host.port())) {
      client.post("/predictions/m", SLOW.formatted(40, true));
      client.post("/predictions/m", "{\"inputs\": \"say(b)|\"}");
      client.send("GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n");
      client.sendNoMore();
      assertEquals(40, client.read().body().lines().count());
      assertEquals("{\"generated_text\":\"b\"}\n", client.read().body());
      assertEquals(200, client.read().status());
      assertTrue(client.ended());
    }
  }

  @Test
  void aClientThatSendsNoMoreWaitsForALongAnswer() throws Exception {
    try (RawClient client = new RawClient(host.port())) {
      client.post("/predictions/m", SLOW.formatted(1200, false));
      client.sendNoMore();
      int status = client.readStatus();
      while (status == 100) { // asked whether it is there
        status = client.readStatus();
      }
      assertEquals(200, status);
    }
  }

  @Test
  void aClientThatHangsUpIsNoticedBeforeItsAnswerIsThere() throws Exception {
    host.serve(
        ScriptedModels.builder("one")
            .scheduling(new SchedulerSettings(1_000_000, 16_384, 1, 8, 64))
            .slowReaderTimeout(LONG)
            .drainTimeout(Duration.ofSeconds(1)));
    String endless = "{\"inputs\": \"slow(z)|\", \"parameters\": {\"max_new_tokens\": 15000}}";
    try (RawClient running = new RawClient(host.port());
        RawClient waiting = new RawClient(host.port())) {
      running.post("/predictions/one", endless);
      waiting.post("/predictions/one", endless);
      host.awaitLoad("one", "running", 1);
      host.awaitLoad("one", "waiting", 1);
    }
    host.awaitMetrics("outcome=\"cancelled\",} 2.0");
  }

  @Test
  void halfARequestIsNoRequest() throws Exception {
    for (String half : List.of("", "GET /pi")) {
      try (RawClient client = new RawClient(host.port())) {
        client.send(half);
        client.sendNoMore();
        assertTrue(client.ended());
      }
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "Host: localhost\\nContent-Length: 50\\n\\n{ | 50 bytes by Content-Length | 1",
        "Host: localhost\\nContent-Length: 50\\n\\n | 50 bytes by Content-Length | 0",
        "Host: localhost\\nTransfer-Encoding: chunked\\n\\n2\\n{ \\n | a last chunk | 2",
        "Host: localhost\\nTransfer-Encoding: chunked\\n\\n9\\n{ | a last chunk | 1",
        "Host: localhost\\nContent-Encoding: gzip\\nContent-Length: 40\\n\\n | 40 bytes by Content-Length | 0",
      })
  void aBodyThatEndsEarlyIsRefusedWithItsLengths(String rest, String expected, int received)
      throws Exception {
    String half = "POST /predictions/m HTTP/1.1\\n" + rest;
    String message =
        "body: expected %s, got the end of the input after %d bytes; send the request again"
            .formatted(expected, received);
    for (int before = 0; before < 3; before++) {
      try (RawClient client = new RawClient(host.port())) {
        for (int i = 0; i < before; i++) {
          client.post("/predictions/m", SLOW.formatted(3, false));
        }
        client.send(half.replace("\\n", "\r\n"));
        client.sendNoMore();
        for (int i = 0; i < before; i++) {
          assertEquals(200, client.read().status());
        }
        RawClient.Answer refused = client.read();
        assertEquals(400, refused.status());
        assertEquals(
            message,
            JsonParser.parseString(refused.body()).getAsJsonObject().get("message").getAsString());
        assertTrue(client.ended());
      }
    }
  }

  @Test
  void headersThatEndEarlyAreRefused() throws Exception {
    try (RawClient client = new RawClient(host.port())) {
      client.send("POST /predictions/m HTTP/1.1\r\nHost: local");
      client.sendNoMore();
      assertEquals(400, client.read().status());
      assertTrue(client.ended());
    }
  }

  @Test
  void aRefusalReachesAClientThatIsStillSending() throws Exception {
    try (RawClient client = new RawClient(host.port())) {
      client.send(
          "POST /predictions/m HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n");
      Thread sender = new Thread(() -> sendUntilClosed(client, 4 << 20));
      sender.start();
      assertEquals(400, client.read().status());
      sender.join();
    }
  }

  private static void sendUntilClosed(RawClient client, int bytes) {
    try {
      for (int sent = 0; sent < bytes; sent += 64 << 10) {
        client.send(new byte[64 << 10]);
      }
    } catch (IOException e) {
      // the server has closed the connection, which it may
    }
  }
}
