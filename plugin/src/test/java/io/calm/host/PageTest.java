package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.metrics.CalmMetrics;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.http.CalmHttpHandler;
import io.calm.serving.http.ModelManagement;
import io.calm.serving.load.LocalModels;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.load.ModelLoads;
import io.calm.serving.model.ModelRegistry;
import io.calm.testing.NettyLeaks;
import io.prometheus.client.CollectorRegistry;
import java.io.IOException;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The files of the page {@code GET /calm}: their headers, their tags, and who gets them. */
@ExtendWith(NettyLeaks.Check.class)
class PageTest {
  private static final Pattern REFERENCES =
      Pattern.compile("(?:href|src)=\"([^\"#]+)\"|from \"(\\./[^\"]+)\"");

  private TestHost host = TestHost.closed();

  @AfterEach
  void stop() {
    host.close();
  }

  private RawClient.Answer get(String path, String... headers) throws IOException {
    return ask(host.port(), "GET " + path, headers);
  }

  private static RawClient.Answer ask(int port, String target, String... headers)
      throws IOException {
    try (RawClient client = new RawClient(port)) {
      String more = headers.length == 0 ? "" : String.join("\r\n", headers) + "\r\n";
      client.send(target + " HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n");
      return client.read();
    }
  }

  private static String header(RawClient.Answer answer, String name) {
    return answer.headers().entrySet().stream()
        .filter(entry -> entry.getKey().equalsIgnoreCase(name))
        .map(Map.Entry::getValue)
        .findFirst()
        .orElse("");
  }

  @ParameterizedTest
  @CsvSource({
    "/calm, text/html; charset=utf-8",
    "/calm/, text/html; charset=utf-8",
    "/calm/page/page.js, text/javascript; charset=utf-8",
    "/calm/page/page.css, text/css; charset=utf-8",
    "/calm/page/icon.svg, image/svg+xml",
  })
  void aFileHasItsTypeAndTheHeadersOfAStrictPage(String path, String type) throws Exception {
    host = TestHost.start();
    RawClient.Answer answer = get(path);
    assertEquals(200, answer.status());
    assertEquals(type, header(answer, "Content-Type"));
    assertEquals(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
            + " img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        header(answer, "Content-Security-Policy"));
    assertEquals("nosniff", header(answer, "X-Content-Type-Options"));
    assertEquals("no-referrer", header(answer, "Referrer-Policy"));
    assertEquals("no-cache", header(answer, "Cache-Control"));
  }

  @Test
  void everyReferenceOfThePageIsAFileOfThisServer() throws Exception {
    host = TestHost.start();
    Set<String> seen = new TreeSet<>();
    Set<String> open = new TreeSet<>(Set.of("/calm"));
    while (!open.isEmpty()) {
      String path = open.iterator().next();
      open.remove(path);
      seen.add(path);
      RawClient.Answer answer = get(path);
      assertEquals(200, answer.status(), path);
      Matcher matcher = REFERENCES.matcher(answer.body());
      while (matcher.find()) {
        String found = matcher.group(1) == null ? matcher.group(2) : matcher.group(1);
        String target = found.startsWith("./") ? "/calm/page/" + found.substring(2) : found;
        assertTrue(target.startsWith("/calm"), target);
        if (!seen.contains(target)) {
          open.add(target);
        }
      }
      assertFalse(answer.body().contains("innerHTML"), path);
      assertFalse(answer.body().contains("style=\""), "the policy forbids it: " + path);
    }
    assertTrue(seen.contains("/calm/page/prompt.js"), seen.toString());
  }

  @Test
  void aClientWithTheCurrentFileGetsNoBody() throws Exception {
    host = TestHost.start();
    String tag = header(get("/calm/page/page.js"), "ETag");
    assertTrue(tag.matches("\"[0-9a-f]{24}\""), tag);
    for (String known : List.of(tag, "W/" + tag, "\"other\", " + tag, "*")) {
      try (RawClient client = new RawClient(host.port())) {
        client.send(
            "GET /calm/page/page.js HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: %s\r\n\r\n"
                .formatted(known));
        assertEquals(304, client.readStatus(), known);
        client.send("GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assertEquals(200, client.read().status(), "the connection goes on");
      }
    }
    assertEquals(200, get("/calm/page/page.js", "If-None-Match: \"other\"").status());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "/calm/page",
        "/calm/page/none.js",
        "/calm/page/..%2F..%2FModelJson.class",
        "/calm/page/page.js/more",
        "/calm/page/%00",
      })
  void anotherFileIsNotFound(String path) throws Exception {
    host = TestHost.start();
    assertEquals(404, get(path).status());
  }

  @Test
  void anotherMethodIsRefused() throws Exception {
    host = TestHost.start();
    RawClient.Answer answer = ask(host.port(), "POST /calm", "Content-Length: 0");
    assertEquals(405, answer.status());
    assertEquals("GET, HEAD, OPTIONS", header(answer, "Allow"));
  }

  @Test
  void thePageNeedsNoKeyAndItsDataDoes() throws Exception {
    host = TestHost.start(HostSettings.of("127.0.0.1", 0).withApiKey("secret"));
    host.serve("m");
    assertEquals(200, get("/calm").status());
    assertEquals(200, get("/calm/page/page.js").status());
    assertEquals(401, get("/calm/models").status());
    assertEquals(401, get("/calm/page/page.js/more").status());
    assertEquals(401, ask(host.port(), "POST /calm", "Content-Length: 0").status());
    assertEquals(200, get("/calm/models", "Authorization: Bearer secret").status());
  }

  @Test
  void aPageOfAnotherHostNameIsRefusedWithoutAKey() throws Exception {
    host = TestHost.start();
    try (RawClient client = new RawClient(host.port())) {
      client.send("GET /calm HTTP/1.1\r\nHost: evil.example\r\n\r\n");
      assertEquals(403, client.read().status());
    }
  }

  @Test
  void thePageIsOffWhereItIsTurnedOff() throws Exception {
    ModelRegistry registry = new ModelRegistry();
    CalmMetrics metrics = new CalmMetrics(new CollectorRegistry(), List::of);
    ModelLoads loads = new ModelLoads(registry, ModelLoader::load);
    CalmHttpHandler handler =
        new CalmHttpHandler(
                registry,
                new TextService(metrics, InstantSource.system()),
                metrics,
                Runnable::run,
                new ModelManagement(registry, new LocalModels(Map.of()), loads))
            .withPage(false);
    try (EmbeddedHost off = EmbeddedHost.start(HostSettings.of("127.0.0.1", 0), handler)) {
      int port = off.address().getPort();
      assertEquals(404, ask(port, "GET /calm").status());
      assertEquals(404, ask(port, "GET /calm/page/page.js").status());
      assertEquals(404, ask(port, "POST /calm", "Content-Length: 0").status());
      assertEquals(200, ask(port, "GET /calm/models").status());
    }
  }

  @Test
  void theListOfModelsHasTheirLoad() throws Exception {
    host = TestHost.start();
    host.serve("m");
    String body = get("/calm/models").body();
    assertTrue(body.contains("\"chat\":true"), body);
    assertTrue(body.contains("\"step_tokens\":0"), body);
    assertTrue(body.contains("\"waiting\":0"), body);
  }
}
