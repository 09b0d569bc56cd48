package io.calm.host;

import static io.calm.testing.HttpClients.get;
import static io.calm.testing.HttpClients.json;
import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.post;
import static io.calm.testing.HttpClients.request;
import static io.calm.testing.HttpClients.send;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import io.calm.checkpoint.CheckpointException;
import io.calm.quantize.QuantizeException;
import io.calm.search.Progress;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.load.NotEnoughMemoryException;
import io.calm.serving.model.ServedModel;
import io.calm.testing.ScriptedModels;
import java.net.URLEncoder;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Models that come and go while others answer, with DJL Serving's requests and statuses. */
class ModelManagementTest {
  @TempDir Path models;

  private TestHost host = TestHost.closed();
  private final CountDownLatch mayLoad = new CountDownLatch(1);
  private Supplier<? extends Throwable> failure = IllegalStateException::new;

  @BeforeEach
  void start() throws Exception {
    host = TestHost.start(HostSettings.of("127.0.0.1", 0), this::load);
    host.serve("there");
  }

  @AfterEach
  void stop() {
    mayLoad.countDown();
    host.close();
  }

  /** {@code slow} waits, {@code bad} fails, others load at once. */
  private ServedModel load(ModelLoader.Order order, Consumer<Progress> progress) {
    progress.accept(new Progress.Step(Progress.Kind.OPENING));
    if (order.name().startsWith("slow")) {
      await(mayLoad);
      progress.accept(new Progress.Step(Progress.Kind.CHECKING));
    }
    if (order.name().startsWith("bad")) {
      throw unchecked(failure.get());
    }
    return ScriptedModels.create(order.name());
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  private static RuntimeException unchecked(Throwable failure) {
    if (failure instanceof Error error) {
      throw error;
    }
    return (RuntimeException) failure;
  }

  private String target(String name, String more) throws Exception {
    Path directory = Files.createDirectories(models.resolve(name));
    String url = URLEncoder.encode(directory.toUri().toString(), StandardCharsets.UTF_8);
    return host.url() + "/models?url=" + url + "&model_name=" + name + more;
  }

  private HttpResponse<byte[]> register(String name, String more) throws Exception {
    return send(request(target(name, more)).POST(BodyPublishers.noBody()).build());
  }

  private HttpResponse<byte[]> unregister(String name) throws Exception {
    return send(request(host.url() + "/models/" + name).DELETE().build());
  }

  private HttpResponse<byte[]> ask(String name) throws Exception {
    return post(host.url() + "/predictions/" + name, "{\"inputs\": \"say(hi)|\"}");
  }

  private String calmStatus(String name) throws Exception {
    return object(get(host.url() + "/calm/models/" + name)).get("status").getAsString();
  }

  private JsonObject described(String name) throws Exception {
    return json(get(host.url() + "/models/" + name))
        .getAsJsonArray()
        .get(0)
        .getAsJsonObject()
        .getAsJsonArray("models")
        .get(0)
        .getAsJsonObject();
  }

  @Test
  void aModelAnswersWhenItsRegistrationDoes() throws Exception {
    HttpResponse<byte[]> registered = register("later", "");
    assertEquals(200, registered.statusCode(), text(registered));
    assertEquals("{\"status\":\"Model \\\"later\\\" registered.\"}\n", text(registered));
    assertEquals("{\"generated_text\":\"hi\"}\n", text(ask("later")));
    JsonObject model = described("later");
    assertFalse(model.get("loadedAtStartup").getAsBoolean());
    assertTrue(model.get("modelUrl").getAsString().startsWith("file:/"), model.toString());
  }

  @Test
  void aRegistrationMayBeAJsonBody() throws Exception {
    String body = "{\"url\": \"%s\", \"job_queue_size\": 7}".formatted(models);
    HttpResponse<byte[]> registered = post(host.url() + "/models", body);
    String name = models.getFileName().toString().replaceAll("\\W", "_");
    assertEquals("Model \"%s\" registered.".formatted(name), status(registered));
    assertEquals(200, ask(name).statusCode());
  }

  @Test
  void anUnknownNameIsShownShortened() throws Exception {
    String name = "x".repeat(2000);
    for (HttpResponse<byte[]> unknown : List.of(unregister(name), scale(name, ""))) {
      assertEquals(404, unknown.statusCode());
      assertEquals(
          "Model or workflow not found: " + "x".repeat(200) + "... (2000 characters)",
          object(unknown).get("message").getAsString());
    }
    assertEquals(
        "Model or workflow not found: a\\u001b[31mb",
        object(unregister("a%1B%5B31mb")).get("message").getAsString());
  }

  private static String status(HttpResponse<byte[]> response) {
    return object(response).get("status").getAsString();
  }

  @Test
  void othersAnswerWhileAModelLoadsInTheBackground() throws Exception {
    HttpResponse<byte[]> scheduled = register("slow", "&synchronous=false");
    assertEquals(202, scheduled.statusCode());
    assertEquals("Model \"slow\" registration scheduled.", status(scheduled));
    assertEquals("loading", calmStatus("slow"));
    assertEquals(503, ask("slow").statusCode());
    assertEquals(503, get(host.url() + "/calm/ready").statusCode());
    assertEquals(200, ask("there").statusCode());
    assertEquals(200, register("another", "").statusCode(), "another load does not wait either");
    mayLoad.countDown();
    awaitStatus("slow", "ready");
    assertEquals(200, get(host.url() + "/calm/ready").statusCode());
  }

  private void awaitStatus(String name, String status) throws Exception {
    while (!calmStatus(name).equals(status)) {
      Thread.sleep(2);
    }
  }

  @Test
  void aNameThatIsTakenIsAConflict() throws Exception {
    register("slow", "&synchronous=false");
    for (String name : new String[] {"slow", "there"}) {
      HttpResponse<byte[]> second = register(name, "");
      assertEquals(409, second.statusCode());
      String message = object(second).get("message").getAsString();
      assertTrue(message.startsWith("model " + name + " is already registered from"), message);
    }
    assertEquals("loading", calmStatus("slow"), "the first goes on");
  }

  static Stream<Arguments> failures() {
    return Stream.of(
        Arguments.of(new CheckpointException("config.json: no such file"), 400),
        Arguments.of(new IllegalArgumentException("calm.group: 64 does not divide"), 400),
        Arguments.of(new NotEnoughMemoryException("memory: the model needs 9 MiB"), 507),
        Arguments.of(new OutOfMemoryError("Cannot reserve 9 bytes of direct buffer memory"), 507),
        Arguments.of(
            new QuantizeException(
                QuantizeException.Kind.NOT_ENOUGH_MEMORY, "start it with more direct memory"),
            507),
        Arguments.of(
            new QuantizeException(QuantizeException.Kind.INVALID, "block 3: no algorithm"), 400),
        Arguments.of(
            new QuantizeException(QuantizeException.Kind.ENGINE_MISSING, "no PyTorch engine"), 500),
        Arguments.of(
            new QuantizeException(QuantizeException.Kind.STORAGE, "the disk is full"), 500),
        Arguments.of(new IllegalStateException("secret internals"), 500));
  }

  @ParameterizedTest
  @MethodSource("failures")
  void aLoadThatFailsHasTheStatusOfItsReason(Throwable reason, int status) throws Exception {
    failure = () -> reason;
    boolean bug = reason instanceof IllegalStateException;
    String told =
        bug
            ? "the load failed unexpectedly; the server's log has the stack trace"
            : reason.getMessage();
    HttpResponse<byte[]> refused = register("bad", "");
    assertEquals(status, refused.statusCode());
    assertEquals(status, object(refused).get("code").getAsInt());
    assertEquals(told, object(refused).get("message").getAsString());
    assertEquals(404, get(host.url() + "/models/bad").statusCode(), "the client knows: forgotten");

    assertEquals(202, register("bad", "&synchronous=false").statusCode());
    awaitStatus("bad", "failed");
    assertEquals(told, object(get(host.url() + "/calm/models/bad")).get("reason").getAsString());
    assertEquals(500, get(host.url() + "/ping").statusCode());
    failure = () -> new CheckpointException("again");
    assertEquals(400, register("bad", "").statusCode(), "a failed name is free");
    assertEquals(200, get(host.url() + "/ping").statusCode());
  }

  @Test
  void anUnregisteredModelEndsWhatItBeganAndNoMore() throws Exception {
    register("later", "");
    try (RawClient client = new RawClient(host.port())) {
      client.post(
          "/predictions/later",
          "{\"inputs\": \"slow(z)|\", \"stream\": true, \"parameters\": {\"max_new_tokens\": 80}}");
      while (described("later").get("requestInQueue").getAsInt() > 0
          || object(get(host.url() + "/calm/models/later"))
                  .getAsJsonObject("load")
                  .get("running")
                  .getAsInt()
              == 0) {
        Thread.sleep(2);
      }
      HttpResponse<byte[]> gone = unregister("later");
      assertEquals(200, gone.statusCode());
      assertEquals("Model or workflow \"later\" unregistered", status(gone));
      assertEquals(404, ask("later").statusCode());
      assertEquals(404, unregister("later").statusCode());
      assertEquals(200, register("later", "").statusCode(), "its name is free at once");
      assertEquals(80, client.read().body().lines().count());
    }
  }

  @Test
  void aModelThatIsUnregisteredWhileItLoadsIsNotLoaded() throws Exception {
    CompletableFuture<HttpResponse<byte[]>> registration =
        CompletableFuture.supplyAsync(
            () -> {
              try {
                return register("slow", "");
              } catch (Exception e) {
                throw new IllegalStateException(e);
              }
            });
    while (host.registry().status("slow").isEmpty()) {
      Thread.sleep(2);
    }
    assertEquals(200, unregister("slow").statusCode());
    mayLoad.countDown();
    HttpResponse<byte[]> answer = registration.get();
    assertEquals(409, answer.statusCode());
    assertEquals(
        "the model was unregistered while it was being loaded",
        object(answer).get("message").getAsString());
    assertEquals(404, ask("slow").statusCode());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "''; 400; Parameter url is required.",
        "url=s3://bucket/model; 400; expected a local path or a file: URL, got s3://bucket/model",
        "url=/no/such/model; 404; there is nothing at /no/such/model",
        "url=file:///no/such/model; 404; there is nothing at /no/such/model",
        "url=/tmp&model_name=a%2F; 400; expected 1 to 128 letters",
        "url=/tmp&model_name=a%0D%0Ab; 400; expected 1 to 128 letters",
        "url=/tmp&model_name=; 400; got ''",
        "url=/tmp&model_name=.; 400; none of them only dots, got '.'",
        "url=/tmp&model_name=..; 400; got '..'",
        "url=/tmp&model_name=...; 400; got '...'",
        "url=/tmp&model_name=../a; 400; got '../a'",
        "url=/tmp&model_name=a/..; 400; got 'a/..'",
        "url=/tmp&model_name=a%2F.%2Fb; 400; got 'a/./b'",
        "url=/tmp&model_name=/a; 400; got '/a'",
        "url=/tmp&model_name=a//b; 400; got 'a//b'",
        "url=/tmp&model_name=a%5Cb; 400; got 'a\\b'",
        "url=/tmp&model_name=a%0A; 400; got 'a\\n'",
        "url=/tmp&model_name=%00; 400; got '\\u0000'",
        "url=/tmp&model_name=%C3%A9; 400; got 'é'",
        "url=/tmp&model_name=a%20b; 400; got 'a b'",
        "url=/tmp&engine=Python; 400; expected CALM, the only engine of this server, got Python",
        "url=/tmp&model_version=v2; 400; this server has one version of a model",
        "url=/tmp&batch_size=many; 400; batch_size: expected a whole number, got 'many'",
        "url=/tmp&job_queue_size=0; 400; job_queue_size: expected from 1 to 1000000, got '0'",
      })
  void aRegistrationThatCannotBeIsRefused(String query, int status, String reason)
      throws Exception {
    HttpResponse<byte[]> refused =
        send(request(host.url() + "/models?" + query).POST(BodyPublishers.noBody()).build());
    assertEquals(status, refused.statusCode(), text(refused));
    String message = object(refused).get("message").getAsString();
    assertTrue(message.contains(reason), message);
  }

  @Test
  void aModelHasOneWorkerWhateverIsAskedFor() throws Exception {
    assertEquals(
        "Workflow \"there\" worker scaled. New Worker configuration min workers:1 max workers:1",
        status(scale("there", "?min_worker=1&max_worker=1")));
    String told = status(scale("there", "?min_worker=2&max_worker=4"));
    assertTrue(told.contains("min workers:1 max workers:1 (a model has one worker"), told);
    assertEquals(404, scale("nowhere", "").statusCode());
    assertEquals(400, scale("there", "?max_worker=0").statusCode());
    assertEquals(400, scale("there", "?min_worker=x").statusCode());
    register("slow", "&synchronous=false");
    assertEquals(503, scale("slow", "?min_worker=1").statusCode());
  }

  private HttpResponse<byte[]> scale(String name, String query) throws Exception {
    return send(
        request(host.url() + "/models/" + name + query).PUT(BodyPublishers.noBody()).build());
  }

  @Test
  void modelsAreListedInPages() throws Exception {
    register("a", "");
    register("b", "");
    JsonObject first = object(get(host.url() + "/models?limit=2"));
    assertEquals(2, first.getAsJsonArray("models").size());
    assertEquals("2", first.get("nextPageToken").getAsString());
    JsonObject second = object(get(host.url() + "/models?limit=2&next_page_token=2"));
    assertEquals(
        "there",
        second.getAsJsonArray("models").get(0).getAsJsonObject().get("modelName").getAsString());
    assertFalse(second.has("nextPageToken"));
    assertEquals(3, models("?limit=1000").size(), "as many as a page can have");
    assertEquals(0, models("?next_page_token=7").size(), "models may be gone by the next page");
  }

  private JsonArray models(String query) throws Exception {
    return object(get(host.url() + "/models" + query)).getAsJsonArray("models");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "limit=x; limit: expected a whole number, got 'x'",
        "limit=0; limit: expected 1 to 2147483647, got 0",
        "limit=-1; limit: expected 1 to 2147483647, got -1",
        "limit=2147483648; limit: expected 1 to 2147483647, got 2147483648",
        "limit=9999999999999999999; limit: expected a whole number, got '9999999999999999999'",
        "next_page_token=-1; next_page_token: expected 0 to 2147483647, got -1",
        "next_page_token=2147483648; next_page_token: expected 0 to 2147483647, got 2147483648",
        "next_page_token=a%0Ab; next_page_token: expected a whole number, got 'a\\nb'",
      })
  void aPageThatCannotBeIsRefused(String query, String message) throws Exception {
    HttpResponse<byte[]> refused = get(host.url() + "/models?" + query);
    assertEquals(400, refused.statusCode());
    assertEquals(message, object(refused).get("message").getAsString());
  }

  @Test
  void theLongestNamesCanBeUsed() throws Exception {
    for (String name : List.of("org/Name-1.5_b", "..a", "a.", "x".repeat(128))) {
      HttpResponse<byte[]> answer = registerAs(name);
      assertEquals(200, answer.statusCode(), text(answer));
      String path = URLEncoder.encode(name, StandardCharsets.UTF_8);
      assertEquals(200, ask(path).statusCode());
      assertEquals(200, unregister(path).statusCode());
    }
    assertEquals(400, registerAs("x".repeat(129)).statusCode());
  }

  private HttpResponse<byte[]> registerAs(String name) throws Exception {
    JsonObject body = new JsonObject();
    body.addProperty("url", models.toString());
    body.addProperty("model_name", name);
    return post(host.url() + "/models", body.toString());
  }
}
