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

import io.calm.testing.Poll;
import java.io.IOException;
import java.net.Socket;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Requests on DJL Serving's combined connector. They share queue, log, request id, CORS, counters
 * and cached answers with the built-in routes; unlike there, hang-ups and slow readers are
 * detected.
 */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class DjlServingRequestsIT {
  private static final String SCRIPTED = "/predictions/scripted";
  private static final String PAGE = "https://page.example";
  private static Optional<RealDjlServing> server = Optional.empty();

  @BeforeAll
  static void start(@TempDir Path directory) throws IOException, InterruptedException {
    assumeTrue(RealDjlServing.classPath().isPresent(), RealDjlServing.WHERE_TO_FIND_ONE);
    server =
        Optional.of(
            RealDjlServing.start(
                RealDjlServing.Setup.scripted(directory, false)
                    .withConfig(
                        "cors_allowed_origin=" + PAGE,
                        "cors_allowed_methods=POST",
                        "cors_allowed_headers=content-type")
                    .withEnvironment(Map.of("SERVING_PROMETHEUS", "true"))));
  }

  @AfterAll
  static void stop() {
    server.ifPresent(RealDjlServing::close);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{'inputs': 'say(hello)|'}",
        "{'inputs': 'say(hello)|', 'stream': true}",
        "{'inputs': 5}",
        "{'inputs': 'die(0)|'}"
      })
  void everyAnswerHasItsRequestsIdAndIsLogged(String body) throws Exception {
    String path = SCRIPTED + "?case=" + Integer.toHexString(body.hashCode());
    HttpResponse<byte[]> response = ask(path, body, "x-request-id", "id-7");
    assertEquals("id-7", header(response, "x-request-id"));
    assertEquals(PAGE, header(response, "access-control-allow-origin"));
    awaitLog("\"POST " + path + " HTTP/1.1\" " + response.statusCode());
  }

  @ParameterizedTest
  @ValueSource(strings = {SCRIPTED, "/invocations", "/v1/completions", "/v1/chat/completions"})
  void aBrowserMayAskFirst(String path) throws Exception {
    HttpResponse<byte[]> response =
        send(
            request(url(path), "Origin", PAGE)
                .method("OPTIONS", HttpRequest.BodyPublishers.noBody())
                .build());
    assertEquals(200, response.statusCode());
    assertEquals(PAGE, header(response, "access-control-allow-origin"));
    assertEquals("POST", header(response, "access-control-allow-methods"));
  }

  @Test
  void answersAndJobsAreCountedAtTheServersEndpoint() throws Exception {
    assertEquals(200, ask(SCRIPTED, "{'inputs': 'say(a)|'}").statusCode());
    assertEquals(400, ask(SCRIPTED, "{'inputs': 5}").statusCode());
    double good = metric("Response_2XX_total\\{[^}]*\\}");
    double bad = metric("Response_4XX_total\\{[^}]*\\}");
    double jobs = metric("RequestLatency_count\\{Model=\"scripted\"\\}");

    assertEquals(200, ask(SCRIPTED, "{'inputs': 'say(a)|'}").statusCode());
    assertEquals(400, ask(SCRIPTED, "{'inputs': 5}").statusCode());

    // the scrapes in between are not counted: DJL Serving counts inference alone
    assertEquals(good + 1, metric("Response_2XX_total\\{[^}]*\\}"));
    assertEquals(bad + 1, metric("Response_4XX_total\\{[^}]*\\}"));
    assertEquals(jobs + 1, metric("RequestLatency_count\\{Model=\"scripted\"\\}"));
  }

  @Test
  void ourMetricsAreAtTheServersEndpointToo() throws Exception {
    assertEquals(200, ask(SCRIPTED, "{'inputs': 'say(a)|'}").statusCode());
    String line =
        "calm_requests_total\\{model=\"scripted\",outcome=\"eos_token\",variant=\"calm\"\\}";
    assertTrue(metric(line) >= 1, () -> "no line of " + line);
  }

  @Test
  void lmisMetricsPerRequestAreAtTheServersEndpointWhereTheModelAsksForThem() throws Exception {
    String keys = "log_request_metric=true\nmetrics_aggregation=2\n";
    HttpResponse<byte[]> registered = server().register("measured", keys, "");
    assertEquals(200, registered.statusCode(), () -> text(registered));
    for (int i = 0; i < 4; i++) {
      assertEquals(200, ask("/predictions/measured", "{'inputs': 'say(abc)|'}").statusCode());
    }
    for (String name :
        List.of("TokenLatency", "TokenThroughput", "OutputTokens", "RollingBatchSize")) {
      for (String percentile : List.of("_p50", "_p90")) {
        String line = name + percentile + "\\{Model=\"measured\"\\}";
        assertTrue(metric(line) > 0, () -> "no line of " + line);
      }
    }
    assertEquals(4, metric("OutputTokens_p50\\{Model=\"measured\"\\}"), "abc and its end");
    assertEquals(1, metric("RollingBatchSize_p90\\{Model=\"measured\"\\}"));
    assertEquals(200, server().unregister("measured").statusCode());
  }

  @Test
  void aFullQueueAnswersTooManyRequestsAndTheOthersGetTheirAnswers() throws Exception {
    String narrow = "option.max_rolling_batch_size=1\njob_queue_size=4\n";
    HttpResponse<byte[]> registered = server().register("narrow", narrow, "");
    assertEquals(200, registered.statusCode(), () -> text(registered));
    String body = "{'inputs': 'slow(ab)|', 'parameters': {'max_new_tokens': 200}}";

    List<HttpResponse<byte[]>> answers = together(12, i -> ask("/predictions/narrow", body));

    long full = answers.stream().filter(answer -> answer.statusCode() == 429).count();
    assertTrue(full >= 5 && full <= 8, "1 runs, 3 or 4 wait, 1 between them: " + full);
    for (HttpResponse<byte[]> answer : answers) {
      if (answer.statusCode() == 429) {
        assertEquals("1", header(answer, "Retry-After"));
        assertTrue(text(answer).contains("job_queue_size"), text(answer));
      } else {
        assertEquals("ab".repeat(100), object(answer).get("generated_text").getAsString());
      }
    }
    assertEquals(200, server().unregister("narrow").statusCode());
  }

  @Test
  void whoComesFirstIsServedFirst() throws Exception {
    HttpResponse<byte[]> registered =
        server().register("fair", "option.max_rolling_batch_size=1\n", "");
    assertEquals(200, registered.statusCode(), () -> text(registered));
    List<Integer> order = Collections.synchronizedList(new ArrayList<>());
    ExecutorService clients = Executors.newCachedThreadPool();
    try {
      List<Future<?>> answers = new ArrayList<>();
      for (int i = 0; i < 7; i++) {
        int index = i;
        answers.add(
            clients.submit(
                () -> {
                  String body = "{'inputs': 'slow(a)|', 'parameters': {'max_new_tokens': 100}}";
                  assertEquals(200, ask("/predictions/fair", body).statusCode());
                  order.add(index);
                  return index;
                }));
        // one runs, one is at the worker, the others are in DJL Serving's queue or have ended
        while (order.size() + inScheduler("fair") + inQueue("fair") < i + 1) {
          TimeUnit.MILLISECONDS.sleep(1);
        }
      }
      for (Future<?> answer : answers) {
        answer.get();
      }
    } finally {
      clients.shutdownNow();
    }
    assertEquals(List.of(0, 1, 2, 3, 4, 5, 6), order);
    assertEquals(200, server().unregister("fair").statusCode());
  }

  private static double inScheduler(String model) throws Exception {
    return metric("/calm/metrics", "calm_running_sequences\\{model=\"%s\",.*\\}".formatted(model))
        + metric("/calm/metrics", "calm_waiting_requests\\{model=\"%s\",.*\\}".formatted(model));
  }

  private static int inQueue(String model) throws Exception {
    Matcher found =
        Pattern.compile("\"requestInQueue\": (\\d+)").matcher(text(get(url("/models/" + model))));
    return found.find() ? Integer.parseInt(found.group(1)) : 0;
  }

  @Test
  void eightStreamsEachGetTheirOwnAnswer() throws Exception {
    List<HttpResponse<byte[]>> answers =
        together(
            8, i -> ask(SCRIPTED, "{'inputs': 'say(answer %d)|', 'stream': true}".formatted(i)));
    for (int i = 0; i < 8; i++) {
      var lines = lines(answers.get(i));
      assertEquals("answer " + i, lines.get(lines.size() - 1).get("generated_text").getAsString());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"true", "false"})
  void aClientThatHangsUpIsCancelled(String stream) throws Exception {
    String cancelled = "calm_requests_total\\{model=\"scripted\",[^}]*outcome=\"cancelled\",?\\}";
    double before = metric("/calm/metrics", cancelled);
    String body =
        "{\"inputs\": \"slow(x)|\", \"stream\": %s, \"parameters\": {\"max_new_tokens\": 4000}}"
            .formatted(stream);
    try (Socket client =
        new Socket(server().inference().getHost(), server().inference().getPort())) {
      String head =
          "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
              .formatted(SCRIPTED, body.length());
      client.getOutputStream().write((head + body).getBytes(StandardCharsets.UTF_8));
      awaitMetric("calm_running_sequences\\{model=\"scripted\",[^}]*\\}", 1);
    }
    while (metric("/calm/metrics", cancelled) < before + 1) {
      TimeUnit.MILLISECONDS.sleep(5);
    }
    awaitMetric("calm_running_sequences\\{model=\"scripted\",[^}]*\\}", 0);
  }

  @Test
  void anAnswerMayBeFetchedLaterAsDjlServingHasIt() throws Exception {
    HttpResponse<byte[]> accepted =
        ask(SCRIPTED, "{'inputs': 'say(later)|'}", "x-synchronous", "false");
    String token = header(accepted, "x-next-token");
    HttpResponse<byte[]> answer = ask(SCRIPTED, "{}", "x-starting-token", token);
    while (answer.statusCode() == 202) {
      TimeUnit.MILLISECONDS.sleep(5);
      answer = ask(SCRIPTED, "{}", "x-starting-token", token);
    }
    assertEquals("later", object(answer).get("generated_text").getAsString());
  }

  /** A request of many. */
  private interface Ask {
    HttpResponse<byte[]> ask(int index) throws Exception;
  }

  private static List<HttpResponse<byte[]>> together(int count, Ask ask) throws Exception {
    ExecutorService clients = Executors.newFixedThreadPool(count);
    try {
      List<Future<HttpResponse<byte[]>>> answers = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        int index = i;
        answers.add(clients.submit(() -> ask.ask(index)));
      }
      List<HttpResponse<byte[]>> all = new ArrayList<>();
      for (Future<HttpResponse<byte[]>> answer : answers) {
        all.add(answer.get());
      }
      return all;
    } finally {
      clients.shutdownNow();
    }
  }

  private static void awaitLog(String part) throws Exception {
    // The answer comes before its line.
    Poll.until("the log has " + part, () -> server().log().contains(part));
  }

  private static void awaitMetric(String name, double value) throws Exception {
    Poll.until(name + " is " + value, () -> metric("/calm/metrics", name) == value);
  }

  private static double metric(String name) throws Exception {
    return metric("/server/metrics", name);
  }

  /** Returns the value of a line; 0 where there is none yet. */
  private static double metric(String page, String line) throws Exception {
    HttpResponse<byte[]> metrics = get(url(page));
    assertEquals(200, metrics.statusCode(), () -> text(metrics));
    Matcher found =
        Pattern.compile("^" + line + " ([-+.0-9E]+)", Pattern.MULTILINE).matcher(text(metrics));
    return found.find() ? Double.parseDouble(found.group(1)) : 0;
  }

  private static String header(HttpResponse<byte[]> response, String name) {
    return response.headers().firstValue(name).orElse("");
  }

  private static HttpResponse<byte[]> ask(String path, String body, String... headers)
      throws Exception {
    return post(url(path), body.replace('\'', '"'), headers);
  }

  private static String url(String path) {
    return server().inference() + path;
  }

  private static RealDjlServing server() {
    return server.orElseThrow();
  }
}
