package io.calm.serving.djl;

import static io.calm.testing.HttpClients.lines;
import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.post;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonObject;
import io.calm.testing.HttpClients;
import io.calm.testing.Poll;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The end of a real DJL Serving: SIGTERM, as a container's runtime sends it. */
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class DjlServingDrainIT {
  private static final String SLOW =
      "{\"inputs\": \"slow(ab)|\", \"stream\": %s, \"parameters\": {\"max_new_tokens\": 500}}";

  private final Path directory;

  DjlServingDrainIT(@TempDir Path directory) {
    this.directory = directory;
  }

  @Test
  void whatRunsEndsAndNothingNewIsTaken() throws Exception {
    assumeTrue(RealDjlServing.classPath().isPresent(), RealDjlServing.WHERE_TO_FIND_ONE);
    ExecutorService clients = Executors.newCachedThreadPool();
    try (RealDjlServing server =
        RealDjlServing.start(RealDjlServing.Setup.scripted(directory, false))) {
      String path = server.inference() + "/predictions/scripted";
      Future<HttpResponse<byte[]>> streamed =
          clients.submit(() -> post(path, SLOW.formatted(true)));
      Future<HttpResponse<byte[]>> whole = clients.submit(() -> post(path, SLOW.formatted(false)));
      Poll.until(
          "both requests run",
          () ->
              HttpClients.text(HttpClients.get(server.inference() + "/calm/metrics"))
                  .matches("(?s).*calm_running_sequences\\{model=\"scripted\",[^}]*\\} 2.0.*"));

      server.terminate();
      Poll.until(
          "the signal has arrived",
          () -> HttpClients.get(server.inference() + "/calm/ready").statusCode() == 503);
      Poll.until( // models are told one after the other
          "the model refuses requests",
          () -> post(path, "{\"inputs\": \"say(a)|\"}").statusCode() == 503);

      List<JsonObject> lines = lines(streamed.get());
      assertEquals(500, lines.size());
      assertEquals("ab".repeat(250), object(whole.get()).get("generated_text").getAsString());
      assertEquals(128 + 15, server.awaitExit());
    } finally {
      clients.shutdownNow();
    }
  }
}
