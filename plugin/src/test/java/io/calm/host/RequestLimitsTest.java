package io.calm.host;

import static io.calm.testing.HttpClients.get;
import static io.calm.testing.HttpClients.lines;
import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.post;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.generate.SchedulerSettings;
import io.calm.metrics.CalmMetrics;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.http.CalmHttpHandler;
import io.calm.serving.http.ModelManagement;
import io.calm.serving.http.ServerMetrics;
import io.calm.serving.load.LocalModels;
import io.calm.serving.load.ModelLoads;
import io.calm.serving.model.ModelRegistry;
import io.calm.testing.NettyLeaks;
import io.calm.testing.Poll;
import io.calm.testing.ScriptedModels;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Requests that take too long, and a model that can answer none any more. */
@ExtendWith(NettyLeaks.Check.class)
class RequestLimitsTest {
  private static final SchedulerSettings ONE_AT_A_TIME = new SchedulerSettings(4096, 128, 1, 8, 64);

  private TestHost host = TestHost.closed();

  @BeforeEach
  void start() throws Exception {
    host = TestHost.start();
  }

  @AfterEach
  void stop() {
    host.close();
  }

  private static ScriptedModels.Builder model(Duration requestTimeout) {
    return ScriptedModels.builder("m")
        .scheduling(ONE_AT_A_TIME)
        .requestTimeout(requestTimeout)
        .drainTimeout(Duration.ofSeconds(1));
  }

  private void serve(Duration requestTimeout) {
    host.serve(model(requestTimeout));
  }

  private static String slow(boolean stream) {
    return "{\"inputs\": \"slow(x)|\", \"stream\": %s, \"parameters\": {\"max_new_tokens\": 3000}}"
        .formatted(stream);
  }

  @Test
  void aRequestThatTakesTooLongIsToldSo() throws Exception {
    serve(Duration.ofMillis(300));
    HttpResponse<byte[]> late = post(host.url() + "/predictions/m", slow(false));
    assertEquals(504, late.statusCode());
    assertEquals(504, object(late).get("code").getAsInt());
    String message = object(late).get("message").getAsString();
    assertTrue(
        message.matches(
            "the request timed out after [0-9]+ ms; ask for fewer tokens or try again later"),
        message);
    assertEquals(0, host.load("m", "running"));
    HttpResponse<byte[]> openAi =
        post(host.url() + "/v1/completions", "{\"prompt\": \"slow(x)|\", \"max_tokens\": 3000}");
    assertEquals(504, openAi.statusCode());
    assertEquals(
        "deadline_exceeded", object(openAi).getAsJsonObject("error").get("code").getAsString());
  }

  @Test
  void aStreamThatTakesTooLongEndsWithAnError() throws Exception {
    AtomicInteger looks = new AtomicInteger();
    host.serve(
        model(Duration.ofHours(1))
            .nanoClock(
                () ->
                    lookingForDeadlines() && looks.incrementAndGet() > 10
                        ? System.nanoTime() + Duration.ofHours(2).toNanos()
                        : System.nanoTime()));
    HttpResponse<byte[]> stream = post(host.url() + "/predictions/m", slow(true));
    assertEquals(200, stream.statusCode());
    List<JsonObject> tokens = lines(stream);
    JsonObject last = tokens.get(tokens.size() - 1);
    assertEquals("error", last.get("finish_reason").getAsString());
    assertEquals(504, last.get("code").getAsInt());
    assertTrue(tokens.size() > 2, "what came in time was sent");
  }

  @Test
  void aRequestWhoseTimeIsOverBeforeItStartsIsCountedAsSuch() throws Exception {
    serve(Duration.ofMillis(1));
    HttpResponse<byte[]> late = post(host.url() + "/predictions/m", slow(false));
    assertEquals(504, late.statusCode());
    String metrics = text(get(host.url() + "/calm/metrics"));
    assertTrue(metrics.contains("outcome=\"deadline\",} 1.0"), metrics);
  }

  /** A request waits for a thread before its body is read; large bodies share one. */
  @Test
  void theTimeOfARequestCountsFromItsArrival() throws Exception {
    ModelRegistry registry = new ModelRegistry();
    registry.ready(model(Duration.ofMillis(100)).build());
    CalmMetrics metrics = ServerMetrics.create(registry);
    CalmHttpHandler handler =
        new CalmHttpHandler(
            registry,
            new TextService(metrics, InstantSource.system()),
            metrics,
            CompletableFuture.delayedExecutor(300, TimeUnit.MILLISECONDS),
            new ModelManagement(
                registry,
                new LocalModels(Map.of()),
                new ModelLoads(registry, (order, progress) -> ScriptedModels.create("none"))));
    try (EmbeddedHost late = EmbeddedHost.start(new HostSettingsBuilder().build(), handler)) {
      String url = "http://127.0.0.1:" + late.address().getPort();
      HttpResponse<byte[]> answer = post(url + "/predictions/m", "{\"inputs\": \"say(a)|\"}");
      assertEquals(504, answer.statusCode(), text(answer));
      String counted = text(get(url + "/calm/metrics"));
      assertTrue(counted.contains("outcome=\"deadline\",} 1.0"), counted);
    } finally {
      registry.close();
    }
  }

  @Test
  void aLoopThatDiesFailsThePingAndSaysWhy() throws Exception {
    AtomicBoolean broken = new AtomicBoolean();
    host.serve(
        model(Duration.ofHours(1))
            .nanoClock(
                () -> {
                  if (lookingForDeadlines() && broken.compareAndSet(true, false)) {
                    throw new IllegalStateException("the clock broke");
                  }
                  return System.nanoTime();
                }));
    host.serve("other");
    assertEquals(200, get(host.url() + "/ping").statusCode());
    broken.set(true);
    HttpResponse<byte[]> ended = post(host.url() + "/predictions/m", slow(false));
    assertEquals(500, ended.statusCode(), text(ended));
    Poll.until("the ping fails", () -> get(host.url() + "/ping").statusCode() != 200);

    HttpResponse<byte[]> ping = get(host.url() + "/ping");
    assertEquals(500, ping.statusCode());
    assertEquals(
        JsonParser.parseString(
            "{\"m\": {\"status\": \"Unhealthy\"}, \"other\": {\"status\": \"Healthy\"}}"),
        object(ping));
    assertEquals(503, get(host.url() + "/calm/ready").statusCode());
    JsonObject told = object(get(host.url() + "/calm/models/m"));
    assertEquals("failed", told.get("status").getAsString());
    assertEquals(
        "its scheduler has failed: the clock broke; unregister the model and register it again",
        told.get("reason").getAsString());
    HttpResponse<byte[]> refused = post(host.url() + "/predictions/m", slow(false));
    assertEquals(503, refused.statusCode());
    assertEquals(
        200, post(host.url() + "/predictions/other", "{\"inputs\": \"say(a)|\"}").statusCode());
  }

  /** Returns whether the loop is between two steps, where an exception belongs to no request. */
  private static boolean lookingForDeadlines() {
    return Thread.currentThread().getName().equals("calm-m")
        && StackWalker.getInstance()
            .walk(frames -> frames.anyMatch(frame -> frame.getMethodName().equals("nanosLeft")));
  }
}
