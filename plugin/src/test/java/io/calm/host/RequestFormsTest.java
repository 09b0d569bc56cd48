package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonParser;
import io.calm.testing.NettyLeaks;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Forms of HTTP that few clients use: targets, versions, methods and compressed bodies. */
@ExtendWith(NettyLeaks.Check.class)
class RequestFormsTest {
  private static final int MAX_BODY = 100_000;
  private static final String GOOD = "{\"inputs\": \"say(hi)|\"}";
  private static final String ANSWER = "{\"generated_text\":\"hi\"}\n";

  private TestHost host = TestHost.closed();

  @BeforeEach
  void start() throws Exception {
    start(new HostSettingsBuilder());
  }

  private void start(HostSettingsBuilder settings) throws Exception {
    host.close();
    host = TestHost.start(settings.maxBodyBytes(MAX_BODY).grace(Duration.ofSeconds(1)).build());
    host.serve("m");
    host.serve("org/name");
  }

  @AfterEach
  void stop() {
    host.close();
  }

  private RawClient.Answer ask(String head) throws IOException {
    try (RawClient client = new RawClient(host.port())) {
      client.send(head + "\r\n\r\n");
      return client.read();
    }
  }

  @Test
  void aPathWithAMalformedEscapeHasTheErrorsOfItsSchema() throws IOException {
    RawClient.Answer openAi = ask("GET /v1/models/%zz HTTP/1.1\r\nHost: localhost");
    assertEquals(404, openAi.status());
    assertTrue(openAi.body().startsWith("{\"error\":{\"message\":"), openAi.body());
    RawClient.Answer djl = ask("GET /predictions/%zz HTTP/1.1\r\nHost: localhost");
    assertEquals(404, djl.status());
    assertTrue(djl.body().startsWith("{\"code\":404,"), djl.body());
  }

  @ParameterizedTest
  @CsvSource({
    "POST, /v1/completions?x=%zz, {\"error\":{\"message\":\"query: ",
    "POST, /v1/chat/completions?model_name=100%, {\"error\":{\"message\":\"query: ",
    "POST, /invocations?model_name=100%, '{\"code\":400,'",
    "GET, /models?limit=%zz, '{\"code\":400,'",
    "GET, /calm/models/m/report?format=%, '{\"code\":400,'",
    "PUT, /models/m?min_worker=%e, '{\"code\":400,'",
    "POST, /models?url=%zz, '{\"code\":400,'",
  })
  void aQueryWithAMalformedEscapeIsRefused(String method, String target, String start)
      throws IOException {
    RawClient.Answer answer =
        ask(method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0");
    assertEquals(400, answer.status(), answer.body());
    assertTrue(answer.body().startsWith(start), answer.body());
    assertTrue(answer.body().contains("malformed %-escape"), answer.body());
  }

  @ParameterizedTest
  @CsvSource({
    "GET http://localhost/ping HTTP/1.1, localhost, 200",
    "GET http://localhost:8080/ping?x=1 HTTP/1.1, localhost, 200",
    "GET HTTP://127.0.0.1/ping HTTP/1.1, other.example, 200",
    "GET https://[::1]:1/ping HTTP/1.1, localhost, 200",
    "GET http://localhost/nowhere HTTP/1.1, localhost, 404",
    "GET http://localhost HTTP/1.1, localhost, 404",
    "GET http://evil.example/ping HTTP/1.1, localhost, 403",
    "GET http://user@localhost/ping HTTP/1.1, localhost, 400",
    "GET http:///ping HTTP/1.1, localhost, 400",
    "GET ftp://localhost/ping HTTP/1.1, localhost, 400",
    "GET ping HTTP/1.1, localhost, 400",
    "GET * HTTP/1.1, localhost, 400",
    "OPTIONS * HTTP/1.1, localhost, 204",
    "OPTIONS http://localhost HTTP/1.1, localhost, 204",
    "OPTIONS /v1/completions HTTP/1.1, localhost, 204",
    "OPTIONS /nowhere HTTP/1.1, localhost, 404",
    "CONNECT localhost:22 HTTP/1.1, localhost, 405",
    "TRACE /ping HTTP/1.1, localhost, 405",
    "GET /ping HTTP/1.0, localhost, 200",
    "GET /ping HTTP/1.2, localhost, 200",
    "GET /ping HTTP/9.9, localhost, 505",
    "GET /ping HTTP/2.0, localhost, 505",
    "PRI * HTTP/2.0, localhost, 505",
    "GET /ping HTTP/x.y, localhost, 400",
    "GET /health HTTP/1.1, localhost, 200",
  })
  void aRequestLineHasItsStatus(String line, String host, int status) throws Exception {
    RawClient.Answer answer = ask(line + "\r\nHost: " + host);
    assertEquals(status, answer.status(), answer.body());
  }

  @Test
  void allowedMethodsAreTold() throws Exception {
    assertEquals(
        "OPTIONS, POST",
        ask("OPTIONS /v1/completions HTTP/1.1\r\nHost: localhost").headers().get("allow"));
    assertEquals(
        "DELETE, GET, HEAD, OPTIONS, POST, PUT",
        ask("OPTIONS * HTTP/1.1\r\nHost: localhost").headers().get("allow"));
    assertEquals(
        "DELETE, GET, HEAD, OPTIONS, PUT",
        ask("OPTIONS /models/m HTTP/1.1\r\nHost: localhost").headers().get("allow"));
  }

  @Test
  void bytesOfAnotherProtocolAreAnsweredAtOnce() throws Exception {
    try (RawClient client = new RawClient(host.port())) {
      client.send(new byte[] {0x16, 3, 1, 2, 0, 1, 0, 1, (byte) 0xFC, 3, 3, 0, 0});
      assertEquals(400, client.read().status());
      assertTrue(client.ended());
    }
  }

  @Test
  void everyAnswerHasADate() throws Exception {
    for (String line :
        List.of("GET /ping HTTP/1.1", "GET /nowhere HTTP/1.1", "GET /ping HTTP/9.9", "x")) {
      date(ask(line + "\r\nHost: localhost"));
    }
    try (RawClient client = new RawClient(host.port())) {
      client.post("/predictions/m", "{\"inputs\": \"say(hi)|\", \"stream\": true}");
      date(client.read());
    }
  }

  private static void date(RawClient.Answer answer) {
    ZonedDateTime date =
        ZonedDateTime.parse(answer.headers().get("date"), DateTimeFormatter.RFC_1123_DATE_TIME);
    assertTrue(
        Duration.between(date, ZonedDateTime.now(date.getZone())).abs().toMinutes() < 10,
        date.toString());
  }

  @ParameterizedTest
  @CsvSource({
    "/predictions/org%2Fname",
    "/predictions/org%2fname/1",
    "/models/org%2Fname/invoke",
    "/invocations?model_name=org/name",
  })
  void aModelsNameMayHaveASlash(String path) throws Exception {
    try (RawClient client = new RawClient(host.port())) {
      client.post(path, GOOD);
      assertEquals(ANSWER, client.read().body());
    }
  }

  @Test
  void pagesOfAModelWithASlash() throws Exception {
    for (String path :
        List.of(
            "/v1/models/org%2Fname",
            "/v1/models/org/name", "/calm/models/org%2Fname", "/models/org%2Fname")) {
      assertEquals(200, ask("GET " + path + " HTTP/1.1\r\nHost: localhost").status(), path);
    }
    assertEquals(404, ask("GET /v1/models/org%2Fother HTTP/1.1\r\nHost: localhost").status());
    assertEquals(404, ask("GET /models/org/name HTTP/1.1\r\nHost: localhost").status());
    String advice = ask("PUT /models/org%2Fname?max_worker=0 HTTP/1.1\r\nHost: localhost").body();
    assertTrue(advice.contains("DELETE /models/org%2Fname frees its memory"), advice);
    assertEquals(200, ask("DELETE /models/org%2Fname HTTP/1.1\r\nHost: localhost").status());
    assertTrue(host.registry().status("org/name").isEmpty());
  }

  @Test
  void aModelIsListedOnceItIsReady() throws Exception {
    host.registry().loading("later", "file:/later");
    String list = ask("GET /v1/models HTTP/1.1\r\nHost: localhost").body();
    assertTrue(list.contains("org/name") && !list.contains("later"), list);
    RawClient.Answer early = ask("GET /v1/models/later HTTP/1.1\r\nHost: localhost");
    assertEquals(404, early.status());
    assertTrue(early.body().contains("GET /calm/models/later shows why"), early.body());
    host.serve("later");
    assertEquals(200, ask("GET /v1/models/later HTTP/1.1\r\nHost: localhost").status());
  }

  private static byte[] gzip(String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream out = new GZIPOutputStream(bytes)) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    }
    return bytes.toByteArray();
  }

  private static byte[] deflate(String text, boolean bare) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (OutputStream out = new DeflaterOutputStream(bytes, new Deflater(9, bare))) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    }
    return bytes.toByteArray();
  }

  private RawClient.Answer post(String coding, byte[] body) throws IOException {
    try (RawClient client = new RawClient(host.port())) {
      post(client, coding, body);
      return client.read();
    }
  }

  private static void post(RawClient client, String coding, byte[] body) throws IOException {
    client.send(
        "POST /predictions/m HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n"
            .formatted(coding, body.length));
    client.send(body);
  }

  @Test
  void aCompressedBodyIsRead() throws Exception {
    assertEquals(ANSWER, post("gzip", gzip(GOOD)).body());
    assertEquals(ANSWER, post("X-GZIP", gzip(GOOD)).body());
    assertEquals(ANSWER, post("deflate", deflate(GOOD, false)).body());
    assertEquals(ANSWER, post("deflate", deflate(GOOD, true)).body());
    assertEquals(ANSWER, post("identity", GOOD.getBytes(StandardCharsets.UTF_8)).body());
  }

  @Test
  void aCompressedBodyMayComeInChunks() throws Exception {
    byte[] body = gzip(GOOD);
    try (RawClient client = new RawClient(host.port())) {
      client.send(
          String.join(
              "\r\n",
              "POST /predictions/m HTTP/1.1",
              "Host: localhost",
              "Content-Encoding: gzip",
              "Transfer-Encoding: chunked",
              "",
              ""));
      for (byte one : body) {
        client.send("1\r\n");
        client.send(new byte[] {one, '\r', '\n'});
      }
      client.send("0\r\n\r\n");
      assertEquals(ANSWER, client.read().body());
      client.post("/predictions/m", GOOD);
      assertEquals(ANSWER, client.read().body(), "the connection goes on");
    }
  }

  @ParameterizedTest
  @CsvSource({"br", "zstd", "'gzip, gzip'", "compress"})
  void anotherCodingIsRefusedWithThoseThatAreTaken(String coding) throws Exception {
    try (RawClient client = new RawClient(host.port())) {
      post(client, coding, GOOD.getBytes(StandardCharsets.UTF_8));
      RawClient.Answer answer = client.read();
      assertEquals(415, answer.status());
      assertEquals("gzip, deflate, identity", answer.headers().get("accept-encoding"));
      client.post("/predictions/m", GOOD);
      assertEquals(ANSWER, client.read().body(), "the connection goes on");
    }
  }

  @Test
  void aBombIsTooLarge() throws Exception {
    byte[] bomb = gzip("{\"inputs\": \"" + "x".repeat(50 * MAX_BODY) + "\"}");
    assertTrue(bomb.length < MAX_BODY / 2, bomb.length + " bytes");
    assertEquals(413, post("gzip", bomb).status());
    String max = "{\"inputs\": \"say(hi)|\", \"x\": \"";
    String fits = max + "x".repeat(MAX_BODY - max.length() - 2) + "\"}";
    assertEquals(MAX_BODY, fits.length());
    assertEquals(200, post("gzip", gzip(fits)).status());
    assertEquals(413, post("gzip", gzip(fits + " ")).status());
  }

  @Test
  void aDamagedBodyIsNamed() throws Exception {
    byte[] body = gzip(GOOD);
    byte[] damaged = body.clone();
    damaged[body.length - 6] ^= 1; // of the checksum
    for (byte[] wrong :
        List.of(
            damaged,
            Arrays.copyOf(body, body.length - 3),
            Arrays.copyOf(body, body.length + 3),
            GOOD.getBytes(StandardCharsets.UTF_8))) {
      RawClient.Answer answer = post("gzip", wrong);
      assertEquals(400, answer.status());
      String message =
          JsonParser.parseString(answer.body()).getAsJsonObject().get("message").getAsString();
      assertTrue(message.startsWith("body: cannot be decompressed"), message);
    }
  }

  @Test
  void theKeyIsLookedAtBeforeTheBody() throws Exception {
    start(new HostSettingsBuilder().apiKey("k"));
    String head = "POST /predictions/m HTTP/1.1\r\nHost: localhost\r\n";
    for (String refused :
        List.of(
            head + "Content-Length: 50000\r\n\r\n",
            head + "Transfer-Encoding: chunked\r\n\r\n",
            head + "Authorization: Bearer K\r\nContent-Length: 50000\r\n\r\n",
            head + "Expect: 100-continue\r\nContent-Length: 50000\r\n\r\n",
            head + "Content-Length: 500000\r\n\r\n")) {
      try (RawClient client = new RawClient(host.port())) {
        client.send(refused); // and no body
        RawClient.Answer answer = client.read();
        assertEquals(401, answer.status(), refused);
        String connection = refused.contains("Expect") ? "close" : "keep-alive";
        assertEquals(connection, answer.headers().get("connection").toLowerCase(Locale.ROOT));
      }
    }
    try (RawClient client = new RawClient(host.port())) {
      client.post("/predictions/m", GOOD);
      assertEquals(401, client.read().status());
      client.post("/predictions/m", GOOD, "Authorization: Bearer k\r\n");
      assertEquals(ANSWER, client.read().body(), "the connection goes on");
    }
  }

  @Test
  void aRefusalIsToldBeforeTheBodyIsAskedFor() throws Exception {
    String head = "POST /predictions/m HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n";
    assertEquals(413, ask(head + "Content-Length: 200000").status());
    assertEquals(415, ask(head + "Content-Encoding: br\r\nContent-Length: 20").status());
    assertEquals(403, ask(head + "Origin: http://evil.example\r\nContent-Length: 20").status());
  }
}
