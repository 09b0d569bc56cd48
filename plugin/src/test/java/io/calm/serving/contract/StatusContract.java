package io.calm.serving.contract;

import static io.calm.testing.HttpClients.assertJson;
import static io.calm.testing.HttpClients.contentType;
import static io.calm.testing.HttpClients.get;
import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.post;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import java.net.http.HttpResponse;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Contract of the pages about models and of the metrics. */
interface StatusContract extends ScriptedServer {
  @Test
  default void modelsAreListed() throws Exception {
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
  default void aModelTellsItsPlanAndScores() throws Exception {
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
  default void aModelHasAReportForReadersAndForPrograms() throws Exception {
    String path = baseUrl() + "/calm/models/scripted/report";
    HttpResponse<byte[]> page = get(path);
    assertEquals(200, page.statusCode());
    assertEquals("text/html; charset=utf-8", contentType(page));
    assertTrue(
        page.headers()
            .firstValue("Content-Security-Policy")
            .orElse("")
            .startsWith("default-src 'none'"));
    assertTrue(text(page).contains("<h1>scripted</h1>"), text(page));
    JsonObject report = object(get(path + "?format=json"));
    assertEquals("scripted", report.get("model").getAsString());
    assertEquals(
        "Cholesky failed",
        report
            .getAsJsonArray("blocks")
            .get(0)
            .getAsJsonObject()
            .getAsJsonObject("candidates")
            .getAsJsonObject("gptq")
            .get("failure")
            .getAsString());
    assertEquals(
        report.get("blocks"), object(get(path, "Accept", "application/json")).get("blocks"));
    assertEquals(400, get(path + "?format=xml").statusCode());
    assertEquals(404, get(baseUrl() + "/calm/models/nobody/report").statusCode());
  }

  @Test
  default void aModelWithoutATwinSaysSo() throws Exception {
    String url = baseUrl() + "/calm/models/scripted/latency";
    JsonObject latency = object(get(url));
    assertEquals("scripted", latency.get("model").getAsString());
    assertEquals("calm", latency.get("variant").getAsString());
    assertEquals("off", latency.getAsJsonObject("baseline").get("state").getAsString());
    assertEquals("none", latency.getAsJsonObject("probe").get("state").getAsString());
    String commit = latency.getAsJsonObject("build").get("commit").getAsString();
    assertTrue(commit.matches("unknown|[0-9a-f]{40,64}"), commit);
    JsonObject maker = latency.getAsJsonObject("made_by");
    assertEquals("unknown", maker.get("commit").getAsString());
    assertTrue(maker.get("machine").isJsonNull());
    assertEquals(
        maker,
        object(get(baseUrl() + "/calm/models/scripted")).getAsJsonObject("plan").get("made_by"));
    assertEquals(409, post(url, "").statusCode());
    assertEquals(404, get(baseUrl() + "/calm/models/other/latency").statusCode());
  }

  @Test
  default void everyAnswerNamesThePlanThatAnswered() throws Exception {
    for (String stream : List.of("false", "true")) {
      String body = "{\"inputs\": \"say(hello)|\", \"stream\": %s}".formatted(stream);
      HttpResponse<byte[]> answer = post(baseUrl() + PREDICTIONS, body);
      assertEquals(200, answer.statusCode());
      assertEquals("calm", answer.headers().firstValue("X-CALM-Variant").orElse("none"));
    }
  }

  @Test
  default void metricsCountRequestsAndTokens() throws Exception {
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
