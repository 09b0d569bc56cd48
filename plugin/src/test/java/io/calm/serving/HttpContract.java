package io.calm.serving;

import static io.calm.serving.HttpClients.contentType;
import static io.calm.serving.HttpClients.get;
import static io.calm.serving.HttpClients.object;
import static io.calm.serving.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import io.calm.testing.ScriptedModels;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/**
 * What every server of the plugin's handlers must answer, whose only model is {@link
 * ScriptedModels#create} under the name {@code scripted}.
 */
public abstract class HttpContract extends RequestLimitsContract {
  // Clients

  @Test
  void eachOfEightAtOnceGetsItsOwnAnswer() throws Exception {
    ExecutorService clients = Executors.newFixedThreadPool(8);
    try {
      List<Future<String>> answers =
          IntStream.range(0, 8)
              .mapToObj(
                  i ->
                      clients.submit(
                          () ->
                              answer(
                                      PREDICTIONS,
                                      "{'inputs': 'say(%s)|', 'parameters': {'max_tokens': 99}}"
                                          .formatted(word(i)))
                                  .get("generated_text")
                                  .getAsString()))
              .toList();
      for (int i = 0; i < 8; i++) {
        assertEquals(word(i), answers.get(i).get());
      }
    } finally {
      clients.shutdownNow();
    }
  }

  private static String word(int i) {
    return "answer %d ".formatted(i).repeat(1 + i);
  }

  @Test
  void aClientThatHangsUpEndsItsGeneration() throws Exception {
    URI uri = URI.create(baseUrl());
    String body =
        "{\"inputs\": \"slow(x)|\", \"stream\": true, \"parameters\": {\"max_new_tokens\": 4000}}";
    try (Socket socket = new Socket(uri.getHost(), uri.getPort())) {
      OutputStream out = socket.getOutputStream();
      out.write(
          "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
              .formatted(PREDICTIONS, body.length(), body)
              .getBytes(StandardCharsets.US_ASCII));
      byte[] start = socket.getInputStream().readNBytes(15);
      assertEquals("HTTP/1.1 200 OK", new String(start, StandardCharsets.US_ASCII));
      assertEquals(1, running());
    }
    while (running() > 0) { // 8 s of generation are left; a hang-up that is not seen times out
      Thread.sleep(5);
    }
    String metrics = text(get(baseUrl() + "/calm/metrics"));
    assertTrue(
        metrics.contains(
            "calm_requests_total{model=\"scripted\",variant=\"calm\",outcome=\"cancelled\",}"),
        metrics);
  }

  private int running() throws Exception {
    JsonObject model = object(get(baseUrl() + "/calm/models/scripted"));
    return model.getAsJsonObject("load").get("running").getAsInt();
  }

  // Pages

  @Test
  void modelsAreListed() throws Exception {
    JsonObject list = object(get(baseUrl() + "/v1/models"));
    assertJson(
        "{'object': 'list', 'data': [{'id': 'scripted', 'object': 'model', 'created': 1700000000,"
            + " 'owned_by': 'calm', 'max_model_len': 4096}]}",
        list);
    JsonObject ready = object(get(baseUrl() + "/calm/ready"));
    assertJson("{'ready': true, 'models': {'scripted': 'ready'}}", ready);
    JsonObject models = object(get(baseUrl() + "/calm/models"));
    assertEquals(
        "calm",
        models.getAsJsonArray("models").get(0).getAsJsonObject().get("variant").getAsString());
  }

  @Test
  void aModelTellsItsPlanAndScores() throws Exception {
    JsonObject plan = object(get(baseUrl() + "/calm/models/scripted")).getAsJsonObject("plan");
    assertEquals(2, plan.get("evaluations").getAsInt());
    JsonObject block = plan.getAsJsonArray("blocks").get(0).getAsJsonObject();
    assertEquals("awq", block.get("algorithm").getAsString());
    JsonObject candidates = block.getAsJsonObject("candidates");
    assertEquals(0.999, candidates.getAsJsonObject("awq").get("score").getAsDouble());
    assertTrue(candidates.getAsJsonObject("gptq").get("score").isJsonNull());
    assertEquals(
        "Cholesky failed", candidates.getAsJsonObject("gptq").get("failure").getAsString());
  }

  @Test
  void metricsCountRequestsAndTokens() throws Exception {
    answer(PREDICTIONS, "{'inputs': 'say(hello)|'}");
    HttpResponse<byte[]> response = get(baseUrl() + "/calm/metrics");
    assertTrue(contentType(response).startsWith("text/plain"));
    String text = text(response);
    for (String name :
        List.of(
            "calm_requests_total{model=\"scripted\",variant=\"calm\",outcome=\"eos_token\",}",
            "calm_generated_tokens_total{model=\"scripted\",variant=\"calm\",}",
            "calm_time_to_first_token_seconds_count{model=\"scripted\",variant=\"calm\",}",
            "calm_model_ready{model=\"scripted\",variant=\"calm\",} 1.0")) {
      assertTrue(text.contains(name), name + " is missing in\n" + text);
    }
  }
}
