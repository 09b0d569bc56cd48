package io.calm.serving.djl;

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
import com.google.gson.JsonParser;
import io.calm.testing.Poll;
import io.calm.testing.Repository;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Several models in a real DJL Serving, which come, grow and go by its management API. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class DjlServingModelsIT {
  private static final String SLOW =
      "{'inputs': 'slow(ab)|', 'stream': true, 'parameters': {'max_new_tokens': 300}}";
  private static Optional<RealDjlServing> server = Optional.empty();

  private final ExecutorService clients = Executors.newCachedThreadPool();

  @BeforeAll
  static void start(@TempDir Path directory) throws IOException, InterruptedException {
    assumeTrue(RealDjlServing.classPath().isPresent(), RealDjlServing.WHERE_TO_FIND_ONE);
    server = Optional.of(RealDjlServing.start(RealDjlServing.Setup.scripted(directory, false)));
  }

  @AfterAll
  static void stop() {
    server.ifPresent(RealDjlServing::close);
  }

  @AfterEach
  void leave() {
    clients.shutdownNow();
  }

  @Test
  void twoModelsAnswerAtOnce() throws Exception {
    register("second", "", "");
    List<Future<HttpResponse<byte[]>>> answers = new ArrayList<>();
    for (int i = 0; i < 16; i++) {
      String model = i % 2 == 0 ? "scripted" : "second";
      String body = "{'inputs': 'say(%s %d)|', 'stream': true}".formatted(model, i);
      answers.add(clients.submit(() -> ask("/predictions/" + model, body)));
    }
    for (int i = 0; i < 16; i++) {
      String model = i % 2 == 0 ? "scripted" : "second";
      assertEquals(model + " " + i, lastText(answers.get(i).get()));
    }
    assertEquals(
        "second",
        object(ask("/v1/completions", "{'model': 'second', 'prompt': 'say(a)|'}"))
            .get("model")
            .getAsString());
    assertEquals(200, get(url("/calm/ready")).statusCode());
    assertEquals(200, server().unregister("second").statusCode());
  }

  @Test
  void aModelThatIsUnregisteredLetsItsRequestsEnd() throws Exception {
    register("leaving", "option.max_rolling_batch_size=2\n", "");
    List<Future<HttpResponse<byte[]>>> streams = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      streams.add(clients.submit(() -> ask("/predictions/leaving", SLOW)));
    }
    awaitRunning("leaving", 2);

    long before = System.nanoTime();
    assertEquals(200, server().unregister("leaving").statusCode());
    assertTrue(
        System.nanoTime() - before < TimeUnit.MILLISECONDS.toNanos(500),
        "600 ms of generation were left: the server's thread must not wait for them");

    assertEquals(404, ask("/predictions/leaving", "{'inputs': 'say(a)|'}").statusCode());
    for (Future<HttpResponse<byte[]>> stream : streams) {
      assertEquals("ab".repeat(150), lastText(stream.get()));
    }
    awaitLog("leaving: unloaded");
  }

  @Test
  void whoWaitsInTheQueueOfAModelThatGoesIsToldSo() throws Exception {
    register("crowded", "option.max_rolling_batch_size=1\n", "");
    List<Future<HttpResponse<byte[]>>> answers = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      answers.add(clients.submit(() -> ask("/predictions/crowded", SLOW)));
    }
    awaitRunning("crowded", 1);

    assertEquals(200, server().unregister("crowded").statusCode());

    TreeSet<Integer> statuses = new TreeSet<>();
    for (Future<HttpResponse<byte[]>> answer : answers) {
      HttpResponse<byte[]> response = answer.get();
      statuses.add(response.statusCode());
      if (response.statusCode() == 200) {
        assertEquals("ab".repeat(150), lastText(response));
      }
    }
    assertEquals(List.of(200, 503), List.copyOf(statuses));
  }

  @Test
  void aNameIsFreeAgainAtOnce() throws Exception {
    for (int i = 0; i < 5; i++) {
      register("again", "", "");
      assertEquals("again " + i, said("/predictions/again", "again " + i));
      assertEquals(200, server().unregister("again").statusCode());
    }
  }

  @Test
  void workersAreScaled() throws Exception {
    register("scaled", "option.max_rolling_batch_size=4\n", "");
    assertEquals(4, workers("scaled"));
    scale("scaled", 6);
    assertEquals(6, workers("scaled"));
    List<Future<String>> answers = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      String word = "word " + i;
      answers.add(clients.submit(() -> said("/predictions/scaled", word)));
    }
    for (int i = 0; i < 8; i++) {
      assertEquals("word " + i, answers.get(i).get());
    }
    scale("scaled", 1);
    assertEquals("one", said("/predictions/scaled", "one"));
    assertEquals(200, server().unregister("scaled").statusCode());
  }

  @Test
  void versionsTakeTurnsAndAnswerByName() throws Exception {
    register("versioned", "", "&model_version=1");
    register("versioned", "", "&model_version=2");
    for (int i = 0; i < 4; i++) {
      assertEquals("v " + i, said("/predictions/versioned", "v " + i));
    }
    assertEquals("one", said("/predictions/versioned/1", "one"));
    assertEquals("two", said("/invocations?model_name=versioned&model_version=2", "two"));
    for (String version : List.of("1", "2")) {
      JsonObject model = object(get(url("/calm/models/versioned:" + version)));
      assertEquals("ready", model.get("status").getAsString());
      assertTrue(answered("versioned:" + version) >= 2, "both versions had their turns");
    }
    assertEquals(200, server().unregister("versioned").statusCode());
    assertEquals(404, get(url("/calm/models/versioned:1")).statusCode());
  }

  @Test
  void theMemoryThatAModelNeedsIsDjlServingsToCheck() throws Exception {
    String tiny = "option.model_id=" + Repository.path("models/calm-tiny-llama") + "\n";
    String full = tiny + "reserved_memory_mb=2000000000\n";
    HttpResponse<byte[]> refused = server().register("large", full, "");
    assertEquals(507, refused.statusCode(), () -> text(refused));
    Matcher ours = Pattern.compile("large: needs (\\d+) MiB").matcher(server().log());
    assertTrue(ours.find(), "the listener logs its estimate");
    assertTrue(Integer.parseInt(ours.group(1)) > 0);
    assertTrue(
        server().log().contains("required: %s MB".formatted(ours.group(1))),
        "DJL Serving checks that number");
    while (get(url("/models/large")).statusCode() != 404) {
      TimeUnit.MILLISECONDS.sleep(5); // DJL Serving answers first and forgets then
    }

    HttpResponse<byte[]> own = server().register("large", full + "required_memory_mb=7\n", "");
    assertEquals(507, own.statusCode(), () -> text(own));
    assertTrue(server().log().contains("required: 7 MB"), "the operator's own estimate wins");
  }

  @Test
  void aModelThatLoadsIsNotReadyAndItsLoadEndsWhenItIsUnregistered() throws Exception {
    HttpResponse<byte[]> scheduled = server().register("searching", "", "&synchronous=false");
    assertEquals(202, scheduled.statusCode(), () -> text(scheduled));
    while (get(url("/calm/models/searching")).statusCode() != 200) {
      TimeUnit.MILLISECONDS.sleep(5);
    }
    for (String path : List.of("/predictions/searching", "/v1/completions")) {
      HttpResponse<byte[]> early = ask(path, "{'model': 'searching', 'prompt': 'say(a)|'}");
      assertEquals(503, early.statusCode(), () -> text(early));
      assertEquals("5", early.headers().firstValue("Retry-After").orElse(""));
    }
    assertEquals(503, get(url("/calm/ready")).statusCode());

    assertEquals(200, server().unregister("searching").statusCode());

    while (get(url("/calm/models/searching")).statusCode() != 404) {
      TimeUnit.MILLISECONDS.sleep(5);
    }
    awaitLog("unregistered while it was being loaded");
    assertEquals(200, get(url("/calm/ready")).statusCode());
  }

  @Test
  void aLoopThatDiesFailsThePing() throws Exception {
    register("mortal", "", "");
    assertEquals(200, get(url("/ping")).statusCode());
    assertEquals(200, ask("/predictions/mortal", "{'inputs': 'kill()|'}").statusCode());
    HttpResponse<byte[]> ping = get(url("/ping"));
    while (ping.statusCode() == 200) {
      TimeUnit.MILLISECONDS.sleep(5); // the loop dies after its answer
      ping = get(url("/ping"));
    }
    assertEquals(500, ping.statusCode(), text(ping));
    assertEquals("FAILED", object(ping).getAsJsonObject("mortal").get("status").getAsString());
    assertEquals(503, ask("/predictions/mortal", "{'inputs': 'say(a)|'}").statusCode());
    assertEquals("alive", said("/predictions/scripted", "alive"), "the others go on");
    assertEquals(200, server().unregister("mortal").statusCode());
    assertEquals(200, get(url("/ping")).statusCode());
  }

  private static void register(String name, String properties, String query) throws Exception {
    HttpResponse<byte[]> registered = server().register(name, properties, query);
    assertEquals(200, registered.statusCode(), () -> text(registered));
  }

  private static void scale(String name, int workers) throws Exception {
    String query = "?min_worker=%d&max_worker=%d".formatted(workers, workers);
    HttpResponse<byte[]> scaled =
        send(
            request(url("/models/" + name + query))
                .PUT(HttpRequest.BodyPublishers.noBody())
                .build());
    assertEquals(200, scaled.statusCode(), () -> text(scaled));
  }

  private static int workers(String name) throws Exception {
    return JsonParser.parseString(text(get(url("/models/" + name))))
        .getAsJsonArray()
        .get(0)
        .getAsJsonObject()
        .getAsJsonArray("models")
        .get(0)
        .getAsJsonObject()
        .getAsJsonArray("workerGroups")
        .get(0)
        .getAsJsonObject()
        .getAsJsonArray("workers")
        .size();
  }

  private static String said(String path, String word) throws Exception {
    HttpResponse<byte[]> answer = ask(path, "{'inputs': 'say(%s)|'}".formatted(word));
    assertEquals(200, answer.statusCode(), () -> text(answer));
    return object(answer).get("generated_text").getAsString();
  }

  private static String lastText(HttpResponse<byte[]> stream) {
    assertEquals(200, stream.statusCode(), () -> text(stream));
    List<JsonObject> lines = lines(stream);
    return lines.get(lines.size() - 1).get("generated_text").getAsString();
  }

  private static long answered(String model) throws Exception {
    return text(get(url("/calm/metrics")))
        .lines()
        .filter(line -> line.startsWith("calm_requests_total{model=\"%s\"".formatted(model)))
        .mapToLong(line -> (long) Double.parseDouble(line.substring(line.lastIndexOf(' '))))
        .sum();
  }

  private static void awaitRunning(String model, int count) throws Exception {
    String start = "calm_running_sequences{model=\"%s\"".formatted(model);
    Poll.until(
        count + " sequences of " + model + " run",
        () ->
            text(get(url("/calm/metrics")))
                .lines()
                .anyMatch(line -> line.startsWith(start) && line.endsWith(" " + (double) count)));
  }

  private static void awaitLog(String part) throws Exception {
    Poll.until("the log has " + part, () -> server().log().contains(part));
  }

  private static HttpResponse<byte[]> ask(String path, String body) throws Exception {
    return post(url(path), body.replace('\'', '"'));
  }

  private static String url(String path) {
    return server().inference() + path;
  }

  private static RealDjlServing server() {
    return server.orElseThrow();
  }
}
