package io.calm.serving.djl;

import static io.calm.testing.HttpClients.get;
import static io.calm.testing.HttpClients.lines;
import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.post;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.google.gson.JsonObject;
import io.calm.testing.Repository;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A real model in a real DJL Serving with the plugin jar as it is: searched at the first start,
 * mapped at the second.
 */
class DjlServingModelIT {
  private static final String MODEL = "tiny";
  private static final Path CHECKPOINT = Repository.path("models/calm-tiny-llama");
  private static final String BODY =
      "{\"inputs\": \"The kernel\", \"stream\": %s, \"parameters\": {\"max_new_tokens\": 8}}";

  private final Path directory;

  DjlServingModelIT(@TempDir Path directory) {
    this.directory = directory;
  }

  @Test
  void searchesOnceThenServesWithoutPyTorch() throws Exception {
    assumeTrue(RealDjlServing.classPath().isPresent(), RealDjlServing.WHERE_TO_FIND_ONE);
    Path first = Files.createDirectory(directory.resolve("first"));
    RealDjlServing.addPyTorch(first);
    String answer;
    try (RealDjlServing server = RealDjlServing.start(setup(first))) {
      answer = answers(server.inference(), MODEL);
      JsonObject model = object(get(server.management() + "/calm/models/" + MODEL));
      assertEquals(2, model.getAsJsonObject("plan").getAsJsonArray("pool").size());
    }

    Path second = Files.createDirectory(directory.resolve("second"));
    try (RealDjlServing server = RealDjlServing.start(setup(second))) {
      assertEquals(answer, answers(server.inference(), MODEL), "the same plan, mapped");
      assertFalse(server.log().contains("PtEngine"), server.log());
    }
  }

  @Test
  void aServerThatRunsAlreadyAnswers() throws Exception {
    Optional<String> url = RealDjlServing.property("calm.djl-serving.url");
    assumeTrue(url.isPresent(), "no running server: give -Dcalm.djl-serving.url=URL");
    JsonObject ready = object(get(url.orElseThrow() + "/calm/ready"));
    assertTrue(ready.get("ready").getAsBoolean(), ready.toString());
    for (String name : ready.getAsJsonObject("models").keySet()) {
      answers(URI.create(url.orElseThrow()), name);
    }
  }

  private RealDjlServing.Setup setup(Path home) throws IOException {
    return new RealDjlServing.Setup(
        home,
        List.of(RealDjlServing.pluginJar()),
        MODEL,
        CHECKPOINT,
        false,
        Map.of(
            "OPTION_CALM_CACHE_DIR", directory.resolve("cache").toString(),
            "OPTION_CALM_POOL", "rtn,smoothquant",
            "OPTION_CALM_CALIBRATION_SAMPLES", "4",
            "OPTION_CALM_CALIBRATION_LENGTH", "32"));
  }

  /** Asks whole and streamed, expects the same greedy text, and returns it. */
  private static String answers(URI base, String model) throws Exception {
    String path = base + "/predictions/" + model;
    HttpResponse<byte[]> whole = post(path, BODY.formatted(false));
    assertEquals(200, whole.statusCode(), () -> text(whole));
    String answer = object(whole).get("generated_text").getAsString();
    assertFalse(answer.isBlank(), answer);
    List<JsonObject> lines = lines(post(path, BODY.formatted(true)));
    assertEquals(
        answer,
        lines.stream()
            .map(line -> line.getAsJsonObject("token").get("text").getAsString())
            .collect(Collectors.joining()));
    return answer;
  }
}
