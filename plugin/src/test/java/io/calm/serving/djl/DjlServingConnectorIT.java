package io.calm.serving.djl;

import static io.calm.testing.HttpClients.chunks;
import static io.calm.testing.HttpClients.contentType;
import static io.calm.testing.HttpClients.get;
import static io.calm.testing.HttpClients.lines;
import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.post;
import static io.calm.testing.HttpClients.request;
import static io.calm.testing.HttpClients.send;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonObject;
import java.io.IOException;
import java.net.URLEncoder;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A real DJL Serving whose inference connector is apart: its built-in routes on the one, the
 * registration of models on the other.
 */
class DjlServingConnectorIT {
  private static Optional<RealDjlServing> server = Optional.empty();
  private static Path models = Path.of("");

  @BeforeAll
  static void start(@TempDir Path directory) throws IOException, InterruptedException {
    assumeTrue(RealDjlServing.classPath().isPresent(), RealDjlServing.WHERE_TO_FIND_ONE);
    models = Files.createDirectories(directory.resolve("models"));
    server =
        Optional.of(
            RealDjlServing.start(
                RealDjlServing.Setup.scripted(directory, true)
                    .withConfig("throttle_error_http_code=429")));
  }

  @AfterAll
  static void stop() {
    server.ifPresent(RealDjlServing::close);
  }

  @ParameterizedTest
  @ValueSource(strings = {"/predictions/scripted", "/invocations", "/models/scripted/invoke"})
  void builtInRoutesAnswerWholeAndStreamed(String path) throws Exception {
    HttpResponse<byte[]> whole = ask(path, "{'inputs': 'say(hello)|'}");
    assertEquals("application/json", contentType(whole));
    assertEquals("{\"generated_text\":\"hello\"}", text(whole).strip());

    HttpResponse<byte[]> streamed = ask(path, "{'inputs': 'say(hello)|', 'stream': true}");
    assertEquals("application/jsonlines", contentType(streamed));
    assertEquals(6, lines(streamed).size());
  }

  @Test
  void thePageIsOnTheManagementConnectorOnly() throws Exception {
    HttpResponse<byte[]> page = get(management("/calm"));
    assertEquals(200, page.statusCode());
    assertTrue(text(page).contains("/calm/page/page.js"), text(page));
    assertTrue(
        page.headers().firstValue("Content-Security-Policy").orElse("").contains("script-src"));
    assertEquals(200, get(management("/calm/page/page.js")).statusCode());
    assertEquals(404, get(management("/calm/page/none.js")).statusCode());
    String inference = server.orElseThrow().inference().toString();
    assertEquals(404, get(inference + "/calm").statusCode());
    assertEquals(404, get(inference + "/calm/page/page.js").statusCode());
  }

  @Test
  void theBuiltInChatRouteSpeaksOpenAi() throws Exception {
    String chat = "'model': 'any', 'messages': [{'role': 'user', 'content': 'say(hi)'}]";
    JsonObject whole = object(ask("/v1/chat/completions", "{%s}".formatted(chat)));
    assertEquals("chat.completion", whole.get("object").getAsString());

    HttpResponse<byte[]> events =
        ask("/v1/chat/completions", "{%s, 'stream': true}".formatted(chat));
    assertEquals("text/event-stream", contentType(events));
    assertTrue(chunks(events).size() > 2, text(events));
  }

  @Test
  void aBadRequestHasItsStatusAndTheWorkerLives() throws Exception {
    for (int i = 0; i < 3; i++) {
      HttpResponse<byte[]> response = ask("/predictions/scripted", "{'inputs': 5}");
      assertEquals(400, response.statusCode());
      assertEquals(
          "inputs: expected a string or an array of strings, got the number 5",
          object(response).get("error").getAsString());
    }
    assertEquals(200, ask("/predictions/scripted", "{'inputs': 'say(a)|'}").statusCode());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'inputs': 'die(0)|'}",
        "{'inputs': 'die(0)|', 'stream': true}",
        "{'inputs': 'die(3)|'}"
      })
  void anErrorBeforeTheAnswerHasItsStatusAndTheServerGoesOn(String body) throws Exception {
    HttpResponse<byte[]> response = ask("/predictions/scripted", body);
    assertEquals(500, response.statusCode());
    assertEquals(500, object(response).get("code").getAsInt());
    assertEquals(200, ask("/predictions/scripted", "{'inputs': 'say(a)|'}").statusCode());
  }

  @Test
  void anErrorAfterTheFirstTokenIsTheLastLineUnderStatus200() throws Exception {
    HttpResponse<byte[]> response =
        ask("/predictions/scripted", "{'inputs': 'nan(3)|', 'stream': true}");
    assertEquals(200, response.statusCode(), "DJL Serving has sent it before");
    List<JsonObject> lines = lines(response);
    assertEquals("error", lines.get(lines.size() - 1).get("finish_reason").getAsString());
  }

  @Test
  void aFullQueueHasDjlServingsStatus() throws Exception {
    String narrow = "option.max_rolling_batch_size=1\njob_queue_size=2\n";
    HttpResponse<byte[]> registered = server.orElseThrow().register("narrow", narrow, "");
    assertEquals(200, registered.statusCode(), () -> text(registered));
    String body = "{'inputs': 'slow(a)|', 'parameters': {'max_new_tokens': 200}}";
    ExecutorService clients = Executors.newFixedThreadPool(8);
    try {
      List<Future<Integer>> statuses = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        statuses.add(clients.submit(() -> ask("/predictions/narrow", body).statusCode()));
      }
      Map<Integer, Integer> counts = new TreeMap<>();
      for (Future<Integer> status : statuses) {
        counts.merge(status.get(), 1, Integer::sum);
      }
      assertEquals(Set.of(200, 429), counts.keySet(), "throttle_error_http_code is 429");
    } finally {
      clients.shutdownNow();
    }
  }

  @Test
  void moreClientsThanCanRunAllGetTheirOwnAnswer() throws Exception {
    ExecutorService clients = Executors.newFixedThreadPool(40);
    try {
      List<Future<String>> answers = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        String body = "{'inputs': 'say(answer %d)|'}".formatted(i);
        answers.add(clients.submit(() -> text(ask("/predictions/scripted", body)).strip()));
      }
      for (int i = 0; i < 40; i++) {
        assertEquals("{\"generated_text\":\"answer %d\"}".formatted(i), answers.get(i).get());
      }
    } finally {
      clients.shutdownNow();
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '"',
      value = {
        "calm.grop=64; 400; calm.grop: there is no such key (its value is '64')",
        "calm.group=7; 400; calm.group: expected auto | 32 | 64 | 128, got '7'",
        "option.model_id=org/model; 404; option.model_id: expected a directory or .gguf file",
      })
  void aLoadThatFailsSaysWhyAndIsForgotten(String line, int status, String reason)
      throws Exception {
    Path model = model("failing", "calm.enabled=true\n" + line + "\n");

    HttpResponse<byte[]> refused = register("failing", model, "");

    assertEquals(status, refused.statusCode(), () -> text(refused));
    String message = object(refused).get("message").getAsString();
    assertTrue(message.contains(reason), message);
    while (get(management("/models/failing")).statusCode() != 404) {
      Thread.onSpinWait(); // DJL Serving answers first and forgets then
    }
    assertEquals(200, get(management("/calm/ready")).statusCode());
  }

  @Test
  void aModelIsRegisteredUsedAndUnregisteredAtRunTime() throws Exception {
    Path model =
        model(
            "later",
            "calm.enabled=true\noption.unknown=the operator's\noption.max_rolling_batch_size=8\n");
    HttpResponse<byte[]> registered =
        register("later", model, "&batch_size=8&min_worker=2&max_worker=4");
    assertEquals(200, registered.statusCode(), () -> text(registered));
    String described = text(get(management("/models/later")));
    assertTrue(described.contains("\"batchSize\": 1"), described);
    assertTrue(described.contains("\"maxWorkers\": 8"), described);
    assertEquals(200, ask("/predictions/later", "{'inputs': 'say(a)|'}").statusCode());
    assertTrue(text(get(management("/calm/ready"))).contains("\"later\":\"ready\""));

    send(request(management("/models/later")).DELETE().build());
    assertEquals(404, ask("/predictions/later", "{'inputs': 'say(a)|'}").statusCode());
    assertEquals(404, get(management("/calm/models/later")).statusCode());
  }

  private static Path model(String name, String properties) throws IOException {
    Path directory = Files.createDirectories(models.resolve(name));
    Files.writeString(directory.resolve("model.properties"), properties);
    return directory;
  }

  private static HttpResponse<byte[]> register(String name, Path model, String more)
      throws Exception {
    String url = URLEncoder.encode(model.toUri().toString(), StandardCharsets.UTF_8);
    String target = management("/models?model_name=" + name + "&url=" + url + more);
    return send(request(target).POST(HttpRequest.BodyPublishers.noBody()).build());
  }

  private static String management(String path) {
    return server.orElseThrow().management() + path;
  }

  private static HttpResponse<byte[]> ask(String path, String body) throws Exception {
    return post(server.orElseThrow().inference() + path, body.replace('\'', '"'));
  }
}
