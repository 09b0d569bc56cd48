package io.calm.host;

import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.request;
import static io.calm.testing.HttpClients.send;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.HttpClients;
import io.calm.testing.NettyLeaks;
import java.io.IOException;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The access of web pages to a server on their visitor's machine or network. */
@ExtendWith(NettyLeaks.Check.class)
class BrowsersTest {
  private static final String PAGE = "http://localhost:3000";
  private static final String EVIL = "http://evil.example";

  private TestHost host = TestHost.closed();

  @AfterEach
  void stop() {
    host.close();
  }

  private void start(HostSettings settings) throws Exception {
    host = TestHost.start(settings);
    host.serve("m");
  }

  private RawClient.Answer get(String path, String... headers) throws IOException {
    try (RawClient client = new RawClient(host.port())) {
      client.send("GET " + path + " HTTP/1.1\r\n" + String.join("\r\n", headers) + "\r\n\r\n");
      return client.read();
    }
  }

  @ParameterizedTest
  @CsvSource({
    "localhost, 200",
    "LOCALHOST.:8080, 200",
    "app.localhost, 200",
    "127.0.0.1:1, 200",
    "127.8.9.10, 200",
    "[::1]:8080, 200",
    "evil.example, 403",
    "evil.example:8080, 403",
    "localhost.evil.example, 403",
    "127.0.0.1.evil.example, 403",
    "0.0.0.0, 403",
    "10.0.0.1, 403",
    "[::], 403",
    "169.254.169.254, 403",
    "user@localhost, 400",
    "local host, 400",
    "'[::1', 400",
    "localhost:x, 400",
  })
  void onTheLoopbackAHostIsTheLoopback(String name, int status) throws Exception {
    start(HostSettings.of("127.0.0.1", 0));
    assertEquals(status, get("/v1/models", "Host: " + name).status());
  }

  @Test
  void onTheNetworkAHostIsAnAddressOrAnAllowedName() throws Exception {
    start(new HostSettingsBuilder().host("0.0.0.0").allowedHosts("models.internal").build());
    assertEquals(200, get("/ping", "Host: 10.1.2.3:80").status(), "an address cannot be rebound");
    assertEquals(200, get("/ping", "Host: Models.Internal:8080").status());
    assertEquals(403, get("/ping", "Host: evil.example").status());
    assertEquals(403, get("/ping", "Host: 0.0.0.0").status());
    assertEquals(403, get("/ping", "Host: 10.1.2.3", "Origin: http://10.1.2.4").status());
    assertEquals(200, get("/ping", "Host: 10.1.2.3", "Origin: http://10.1.2.3:9").status());
  }

  @Test
  void aRefusalSaysWhatToDo() throws Exception {
    start(HostSettings.of("127.0.0.1", 0));
    assertTrue(get("/v1/models", "Host: evil.example").body().contains("--allowed-host"));
    assertTrue(
        get("/v1/models", "Host: localhost", "Origin: " + EVIL).body().contains("--cors-origin"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {EVIL, "null", "https://evil.example:8443", "http://localhost.evil.example"})
  void aForeignPageIsRefusedBeforeItsRequestDoesAnything(String origin) throws Exception {
    start(HostSettings.of("127.0.0.1", 0));
    HttpResponse<byte[]> answer =
        send(
            request(host.url() + "/models/m", "Origin", origin)
                .method("DELETE", BodyPublishers.noBody())
                .build());
    assertEquals(403, answer.statusCode());
    assertEquals(Optional.empty(), answer.headers().firstValue("Access-Control-Allow-Origin"));
    try (RawClient client = new RawClient(host.port())) {
      client.post("/v1/completions", "{\"prompt\": \"say(x)|\"}", "Origin: " + origin + "\r\n");
      assertEquals(403, client.read().status());
      client.post("/v1/completions", "{\"prompt\": \"say(x)|\"}", "Origin: " + PAGE + "\r\n");
      assertEquals(200, client.read().status(), "a page of this machine; the connection goes on");
    }
    assertTrue(host.registry().status("m").isPresent());
  }

  @Test
  void aServerOnTheNetworkWithoutAKeyKeepsItsModels() throws Exception {
    start(HostSettings.of("0.0.0.0", 0));
    for (String method : List.of("PUT", "DELETE")) {
      HttpResponse<byte[]> answer =
          send(request(host.url() + "/models/m").method(method, BodyPublishers.noBody()).build());
      assertEquals(403, answer.statusCode());
      assertTrue(message(answer).contains("--api-key"));
    }
    HttpResponse<byte[]> registered =
        send(request(host.url() + "/models?url=/tmp").POST(BodyPublishers.noBody()).build());
    assertEquals(403, registered.statusCode());
    assertTrue(message(registered).startsWith("models cannot be registered"));
    HttpResponse<byte[]> measured =
        send(request(host.url() + "/calm/models/m/latency").POST(BodyPublishers.noBody()).build());
    assertEquals(403, measured.statusCode());
    assertTrue(message(measured).startsWith("a measurement cannot be asked for"));
    assertEquals(200, get("/models", "Host: localhost").status());
    host.close();
    start(HostSettings.of("0.0.0.0", 0).withApiKey("k"));
    HttpResponse<byte[]> removed =
        send(request(host.url() + "/models/m", "Authorization", "Bearer k").DELETE().build());
    assertEquals(200, removed.statusCode());
    assertFalse(HostSettings.of("127.0.0.1", 0).isOpenToTheNetwork());
    assertFalse(HostSettings.of("0.0.0.0", 0).withApiKey("k").isOpenToTheNetwork());
    assertTrue(HostSettings.of("0.0.0.0", 0).isOpenToTheNetwork());
    assertTrue(HostSettings.of("::", 0).isOpenToTheNetwork());
  }

  private static String message(HttpResponse<byte[]> answer) {
    return object(answer).get("message").getAsString();
  }

  private HttpResponse<byte[]> preflight(String origin) throws Exception {
    return send(
        request(
                host.url() + "/v1/chat/completions",
                "Origin",
                origin,
                "Access-Control-Request-Method",
                "POST",
                "Access-Control-Request-Headers",
                "authorization,content-type")
            .method("OPTIONS", BodyPublishers.noBody())
            .build());
  }

  private static String header(HttpResponse<?> answer, String name) {
    return String.join(", ", answer.headers().allValues(name)).toLowerCase(Locale.ROOT);
  }

  @Test
  void aNamedPageMayReadAnswersErrorsAndStreams() throws Exception {
    start(new HostSettingsBuilder().corsOrigins(PAGE, "https://App.example:443/").build());
    HttpResponse<byte[]> asked = preflight("https://app.example");
    assertEquals(204, asked.statusCode());
    assertEquals("https://app.example", header(asked, "Access-Control-Allow-Origin"));
    assertTrue(header(asked, "Access-Control-Allow-Methods").contains("post"));
    assertEquals("authorization,content-type", header(asked, "Access-Control-Allow-Headers"));
    assertTrue(header(asked, "Vary").contains("origin"));
    for (String body :
        List.of(
            "{\"prompt\": \"say(x)|\"}",
            "{\"prompt\": \"say(x)|\", \"stream\": true}",
            "{\"prompt\": 5.5}")) {
      HttpResponse<byte[]> answer =
          HttpClients.post(host.url() + "/v1/completions", body, "Origin", PAGE);
      assertEquals(PAGE, header(answer, "Access-Control-Allow-Origin"), body);
      assertEquals("origin", header(answer, "Vary"));
      assertEquals(
          "retry-after, www-authenticate, x-request-id",
          header(answer, "Access-Control-Expose-Headers"));
    }
    HttpResponse<byte[]> unknown = HttpClients.get(host.url() + "/nowhere", "Origin", PAGE);
    assertEquals(404, unknown.statusCode());
    assertEquals(PAGE, header(unknown, "Access-Control-Allow-Origin"));
    HttpResponse<byte[]> foreign = preflight(EVIL);
    assertEquals(403, foreign.statusCode());
    assertEquals("", header(foreign, "Access-Control-Allow-Origin"));
    assertEquals("origin", header(foreign, "Vary"), "no cache may give this to another page");
  }

  @Test
  void withoutTheSettingNoPageMayReadAnything() throws Exception {
    start(HostSettings.of("127.0.0.1", 0));
    HttpResponse<byte[]> asked = preflight(PAGE);
    assertEquals("", header(asked, "Access-Control-Allow-Origin"));
    assertEquals("", header(asked, "Vary"));
    assertEquals(403, preflight(EVIL).statusCode());
  }

  @Test
  void withAKeyABrowserAsksWithoutItAndErrorsCanBeRead() throws Exception {
    start(new HostSettingsBuilder().apiKey("k").corsOrigins(PAGE).build());
    assertEquals(204, preflight(PAGE).statusCode());
    assertEquals(401, preflight(EVIL).statusCode());
    HttpResponse<byte[]> refused = HttpClients.get(host.url() + "/v1/models", "Origin", PAGE);
    assertEquals(401, refused.statusCode());
    assertEquals(PAGE, header(refused, "Access-Control-Allow-Origin"));
    assertEquals(
        200,
        get("/v1/models", "Host: any.example", "Authorization: Bearer k", "Origin: " + EVIL)
            .status(),
        "the key is enough");
  }

  @Test
  void everyPageIsAllowedToAskButNotToManage() throws Exception {
    start(new HostSettingsBuilder().corsOrigins("*").build());
    assertEquals("*", header(preflight(EVIL), "Access-Control-Allow-Origin"));
    assertEquals(200, get("/v1/models", "Host: localhost", "Origin: " + EVIL).status());
    assertEquals(403, get("/v1/models", "Host: evil.example", "Origin: " + EVIL).status());
    HttpResponse<byte[]> removed =
        send(request(host.url() + "/models/m", "Origin", EVIL).DELETE().build());
    assertEquals(403, removed.statusCode());
    assertEquals("*", header(removed, "Access-Control-Allow-Origin"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"localhost:3000", "http://a/path", "", "http://", "http://a b"})
  void anOriginThatBrowsersNeverSendIsRefused(String origin) {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> new HostSettingsBuilder().corsOrigins(origin).build());
    assertTrue(e.getMessage().startsWith("CORS origin: expected "), e.getMessage());
  }
}
