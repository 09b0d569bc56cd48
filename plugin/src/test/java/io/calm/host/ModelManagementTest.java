package io.calm.host;

import static io.calm.host.ManagedModels.status;
import static io.calm.testing.HttpClients.get;
import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import io.calm.checkpoint.CheckpointException;
import io.calm.quantize.QuantizeException;
import io.calm.serving.load.NotEnoughMemoryException;
import io.calm.testing.NettyLeaks;
import io.calm.testing.Poll;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Models that come and go while others answer, with DJL Serving's requests and statuses. */
@ExtendWith(NettyLeaks.Check.class)
class ModelManagementTest {
  @TempDir Path models;

  @RegisterExtension private final ManagedModels managed = new ManagedModels();

  @Test
  void aModelAnswersWhenItsRegistrationDoes() throws Exception {
    HttpResponse<byte[]> registered = managed.register(models, "later", "");
    assertEquals(200, registered.statusCode(), text(registered));
    assertEquals("{\"status\":\"Model \\\"later\\\" registered.\"}\n", text(registered));
    assertEquals("{\"generated_text\":\"hi\"}\n", text(managed.ask("later")));
    JsonObject model = managed.described("later");
    assertFalse(model.get("loadedAtStartup").getAsBoolean());
    assertTrue(model.get("modelUrl").getAsString().startsWith("file:/"), model.toString());
  }

  @Test
  void othersAnswerWhileAModelLoadsInTheBackground() throws Exception {
    HttpResponse<byte[]> scheduled = managed.register(models, "slow", "&synchronous=false");
    assertEquals(202, scheduled.statusCode());
    assertEquals("Model \"slow\" registration scheduled.", status(scheduled));
    assertEquals("loading", managed.calmStatus("slow"));
    assertEquals(503, managed.ask("slow").statusCode());
    assertEquals(503, get(managed.url() + "/calm/ready").statusCode());
    assertEquals(200, managed.ask("there").statusCode());
    assertEquals(
        200,
        managed.register(models, "another", "").statusCode(),
        "another load does not wait either");
    managed.letSlowLoad();
    managed.awaitStatus("slow", "ready");
    assertEquals(200, get(managed.url() + "/calm/ready").statusCode());
  }

  @Test
  void aNameThatIsTakenIsAConflict() throws Exception {
    managed.register(models, "slow", "&synchronous=false");
    for (String name : new String[] {"slow", "there"}) {
      HttpResponse<byte[]> second = managed.register(models, name, "");
      assertEquals(409, second.statusCode());
      String message = object(second).get("message").getAsString();
      assertTrue(message.startsWith("model " + name + " is already registered from"), message);
    }
    assertEquals("loading", managed.calmStatus("slow"), "the first goes on");
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
    managed.failWith(reason);
    boolean bug = reason instanceof IllegalStateException;
    String told =
        bug
            ? "the load failed unexpectedly; the server's log has the stack trace"
            : reason.getMessage();
    HttpResponse<byte[]> refused = managed.register(models, "bad", "");
    assertEquals(status, refused.statusCode());
    assertEquals(status, object(refused).get("code").getAsInt());
    assertEquals(told, object(refused).get("message").getAsString());
    assertEquals(
        404, get(managed.url() + "/models/bad").statusCode(), "the client knows: forgotten");

    assertEquals(202, managed.register(models, "bad", "&synchronous=false").statusCode());
    managed.awaitStatus("bad", "failed");
    assertEquals(told, object(get(managed.url() + "/calm/models/bad")).get("reason").getAsString());
    assertEquals(500, get(managed.url() + "/ping").statusCode());
    managed.failWith(new CheckpointException("again"));
    assertEquals(400, managed.register(models, "bad", "").statusCode(), "a failed name is free");
    assertEquals(200, get(managed.url() + "/ping").statusCode());
  }

  @Test
  void anUnregisteredModelEndsWhatItBeganAndNoMore() throws Exception {
    managed.register(models, "later", "");
    try (RawClient client = new RawClient(managed.host().port())) {
      client.post(
          "/predictions/later",
          "{\"inputs\": \"slow(z)|\", \"stream\": true, \"parameters\": {\"max_new_tokens\": 80}}");
      managed.host().awaitLoad("later", "running", 1);
      Poll.until(
          "the queue is empty",
          () -> managed.described("later").get("requestInQueue").getAsInt() == 0);
      HttpResponse<byte[]> gone = managed.unregister("later");
      assertEquals(200, gone.statusCode());
      assertEquals("Model or workflow \"later\" unregistered", status(gone));
      assertEquals(404, managed.ask("later").statusCode());
      assertEquals(404, managed.unregister("later").statusCode());
      assertEquals(
          200, managed.register(models, "later", "").statusCode(), "its name is free at once");
      assertEquals(80, client.read().body().lines().count());
    }
  }

  private HttpResponse<byte[]> registered(String name) {
    try {
      return managed.register(models, name, "");
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  @Test
  void aModelThatIsUnregisteredWhileItLoadsIsNotLoaded() throws Exception {
    CompletableFuture<HttpResponse<byte[]>> registration =
        CompletableFuture.supplyAsync(() -> registered("slow"));
    managed.awaitRegistration("slow");
    assertEquals(200, managed.unregister("slow").statusCode());
    managed.letSlowLoad();
    HttpResponse<byte[]> answer = registration.get();
    assertEquals(409, answer.statusCode());
    assertEquals(
        "the model was unregistered while it was being loaded",
        object(answer).get("message").getAsString());
    assertEquals(404, managed.ask("slow").statusCode());
  }

  @Test
  void aServerThatStopsRefusesRegistrations() throws Exception {
    CompletableFuture<HttpResponse<byte[]>> registration =
        CompletableFuture.supplyAsync(() -> registered("slow"));
    managed.awaitRegistration("slow");
    managed.host().registry().drain();
    managed.letSlowLoad();
    HttpResponse<byte[]> cancelled = registration.get();
    HttpResponse<byte[]> refused = managed.register(models, "later", "");
    assertEquals(
        "the model is not loaded: the server is stopping",
        object(cancelled).get("message").getAsString());
    assertEquals(
        "model later cannot be loaded: the server is stopping",
        object(refused).get("message").getAsString());
    for (HttpResponse<byte[]> answer : List.of(cancelled, refused)) {
      assertEquals(503, answer.statusCode());
      assertEquals("5", answer.headers().firstValue("Retry-After").orElseThrow());
    }
  }
}
