package io.calm.host;

import static io.calm.testing.HttpClients.contentType;
import static io.calm.testing.HttpClients.get;
import static io.calm.testing.HttpClients.json;
import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.parse;
import static io.calm.testing.HttpClients.post;
import static io.calm.testing.HttpClients.send;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import io.calm.generate.SchedulerSettings;
import io.calm.search.Progress;
import io.calm.serving.http.Route;
import io.calm.serving.model.LmiOptions;
import io.calm.serving.model.ModelStatus;
import io.calm.testing.HttpClients;
import io.calm.testing.NettyLeaks;
import io.calm.testing.ScriptedModels;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Answers of the host and the handlers beyond the contract. */
@ExtendWith(NettyLeaks.Check.class)
class EmbeddedHostTest {
  private TestHost host = TestHost.closed();

  @BeforeEach
  void start() throws Exception {
    host = TestHost.start();
  }

  @AfterEach
  void stop() {
    host.close();
  }

  /** Returns the state of a model that loads, with 0 for the time since its load began. */
  private JsonObject model(String name) throws Exception {
    JsonObject model = object(get(host.url() + "/calm/models/" + name));
    JsonObject progress = model.getAsJsonObject("progress");
    double elapsed = progress.get("elapsed_seconds").getAsDouble();
    assertTrue(elapsed > 0 && elapsed < 600, "seconds since the load began: " + elapsed);
    progress.addProperty("elapsed_seconds", 0);
    return model;
  }

  @Test
  void aModelThatLoadsTellsItsProgress() throws Exception {
    var progress = host.registry().loading("m", "/models/m");
    progress.accept(
        new Progress.Searching(
            new Progress.Position(3, 30),
            new Progress.Attempt("awq", 2, 4),
            new Progress.Scores(14, 0.998, "gptq"),
            Double.NaN));
    assertEquals(
        parse(
            "{'name': 'm', 'url': '/models/m', 'status': 'loading', 'progress': {"
                + "'phase': 'searching', 'block': 3, 'layers': 30, 'algorithm': 'awq',"
                + "'candidate': 2, 'pool': 4, 'evaluations': 14,"
                + "'last_algorithm': 'gptq', 'last_score': 0.998,"
                + "'elapsed_seconds': 0, 'eta_seconds': null}}"),
        model("m"));

    HttpResponse<byte[]> early = post(host.url() + "/v1/completions", "{\"prompt\": \"x\"}");
    assertEquals(503, early.statusCode());
    assertEquals("5", early.headers().firstValue("Retry-After").orElse(""));
    assertEquals(
        "model m is still loading; GET /calm/models/m shows its progress",
        object(early).getAsJsonObject("error").get("message").getAsString());

    HttpResponse<byte[]> ready = get(host.url() + "/calm/ready");
    assertEquals(503, ready.statusCode());
    assertEquals(parse("{'ready': false, 'models': {'m': 'loading'}}"), object(ready));
    HttpResponse<byte[]> ping = get(host.url() + "/ping");
    assertEquals(200, ping.statusCode());
    assertEquals(parse("{'m': {'status': 'PENDING'}}"), object(ping));
    assertEquals(
        parse("{'models': [{'modelName': 'm', 'modelUrl': '/models/m', 'status': 'PENDING'}]}"),
        object(get(host.url() + "/models")));
    String metrics = text(get(host.url() + "/calm/metrics"));
    assertTrue(metrics.contains("calm_search_block{model=\"m\",variant=\"\",} 3.0"), metrics);
    assertTrue(
        metrics.contains("calm_search_last_score{model=\"m\",variant=\"\",} 0.998"), metrics);
  }

  @Test
  void aModelThatSamplesCountsTokensAndNoBlocks() throws Exception {
    var progress = host.registry().loading("m", "/models/m");
    progress.accept(new Progress.Sampling(48, 256, "rtn", 52));
    assertEquals(
        parse(
            "{'phase': 'sampling', 'token': 48, 'tokens': 256, 'block': 0, 'layers': 0,"
                + "'algorithm': 'rtn', 'candidate': 0, 'pool': 0, 'evaluations': 0,"
                + "'last_algorithm': '', 'last_score': null,"
                + "'elapsed_seconds': 0, 'eta_seconds': 52.0}"),
        model("m").getAsJsonObject("progress"));
    String metrics = text(get(host.url() + "/calm/metrics"));
    assertFalse(metrics.contains("calm_search_block{"), metrics);
    assertFalse(metrics.contains("calm_search_blocks{"), metrics);
    assertFalse(metrics.contains("calm_search_last_score{"), metrics);
    assertTrue(
        metrics.contains("calm_search_elapsed_seconds{model=\"m\",variant=\"\",} "), metrics);
  }

  @Test
  void aModelThatFailedSaysWhy() throws Exception {
    host.registry()
        .failed(
            host.registry().loading("m", "/models/m"),
            "m",
            "/models/m",
            "config.json: no such file");
    assertEquals(
        "config.json: no such file",
        object(get(host.url() + "/calm/models/m")).get("reason").getAsString());
    HttpResponse<byte[]> answer = post(host.url() + "/predictions/m", "{\"inputs\": \"x\"}");
    assertEquals(503, answer.statusCode());
    assertEquals(
        "model m could not be loaded: config.json: no such file",
        object(answer).get("message").getAsString());
    assertEquals(500, get(host.url() + "/ping").statusCode());
    assertEquals(503, get(host.url() + "/calm/ready").statusCode());
  }

  @Test
  void aModelThatIsReadyHasDjlsShape() throws Exception {
    host.serve("m");
    JsonObject model =
        json(get(host.url() + "/models/m"))
            .getAsJsonArray()
            .get(0)
            .getAsJsonObject()
            .getAsJsonArray("models")
            .get(0)
            .getAsJsonObject();
    assertEquals("Healthy", model.get("status").getAsString());
    assertEquals(64, model.get("queueSize").getAsInt());
    assertEquals(parse("{'m': {'status': 'Healthy'}}"), object(get(host.url() + "/ping")));
    assertEquals(404, get(host.url() + "/models/n").statusCode());
    host.registry().remove("m");
    assertEquals(404, get(host.url() + "/calm/models/m").statusCode());
    assertEquals(Optional.<ModelStatus>empty(), host.registry().status("m"));
  }

  @Test
  void amongSeveralModelsOneMustBeNamed() throws Exception {
    host.serve("a");
    host.serve("b");
    HttpResponse<byte[]> none = post(host.url() + "/invocations", "{\"inputs\": \"say(x)|\"}");
    assertEquals(400, none.statusCode());
    assertEquals(
        "model_name: expected the name of a model, got nothing; there is [a, b]",
        object(none).get("error").getAsString());
    String[] named = {
      "/invocations?model_name=b|{'inputs': 'say(x)|'}",
      "/invocations|{'inputs': 'say(x)|', 'model_name': 'a'}",
      "/predictions/a|{'inputs': 'say(x)|'}",
      "/predictions/a/v1|{'inputs': 'say(x)|'}",
      "/models/b/invoke|{'inputs': 'say(x)|'}"
    };
    for (String request : named) {
      String[] parts = request.split("\\|", 2);
      HttpResponse<byte[]> answer = post(host.url() + parts[0], parts[1].replace('\'', '"'));
      assertEquals("{\"generated_text\":\"x\"}\n", text(answer), request);
    }
  }

  @Test
  void anUnknownPathAndAWrongMethodAreNamed() throws Exception {
    HttpResponse<byte[]> unknown = get(host.url() + "/nowhere");
    assertEquals(404, unknown.statusCode());
    assertEquals("no such path: /nowhere", object(unknown).get("message").getAsString());
    assertEquals(
        "no such path: /; the web console is at /calm",
        object(get(host.url() + "/")).get("message").getAsString());
    HttpResponse<byte[]> openAi = get(host.url() + "/v1/embeddings");
    assertEquals(404, openAi.statusCode());
    assertEquals("unknown_url", object(openAi).getAsJsonObject("error").get("code").getAsString());
    HttpResponse<byte[]> method = get(host.url() + "/v1/completions");
    assertEquals(405, method.statusCode());
    assertEquals("OPTIONS, POST", method.headers().firstValue("Allow").orElse(""));
    assertEquals(405, post(host.url() + "/ping", "{}").statusCode());
    assertEquals(404, get(host.url() + "/predictions/").statusCode());
  }

  @Test
  void theResponsesApiIsAnsweredWithTheOneToUse() throws Exception {
    HttpResponse<byte[]> answer = post(host.url() + "/v1/responses", "{\"input\": \"x\"}");
    assertEquals(404, answer.statusCode());
    assertEquals(
        "no such path: /v1/responses; this server has /v1/chat/completions",
        object(answer).getAsJsonObject("error").get("message").getAsString());
  }

  /** OpenAI's client shows only {@code error.message}. */
  @ParameterizedTest
  @ValueSource(strings = {"/chat/completions", "/completions"})
  void aBaseUrlWithoutItsVersionIsNamed(String path) throws Exception {
    HttpResponse<byte[]> answer = post(host.url() + path, "{\"prompt\": \"x\"}");
    assertEquals(404, answer.statusCode());
    assertEquals(
        "no such path: %s; OpenAI's API is at /v1: set base_url=http://HOST:PORT/v1"
            .formatted(path),
        object(answer).getAsJsonObject("error").get("message").getAsString());
  }

  @ParameterizedTest
  @EnumSource(Route.class)
  void allowNamesTheMethodsThatAPathAnswersAndNoOther(Route route) throws Exception {
    String url =
        host.url()
            + route.path().replace("{m}", "none").replace("{v}", "1").replace("{f}", "page.js");
    HttpResponse<byte[]> refused = ask(url, "PATCH");
    assertEquals(405, refused.statusCode(), url);
    List<String> allowed = List.of(refused.headers().firstValue("Allow").orElse("").split(", "));
    assertTrue(allowed.contains(route.method()), url + " allows " + allowed);
    assertEquals(
        allowed, List.of(ask(url, "OPTIONS").headers().firstValue("Allow").orElse("").split(", ")));
    for (String method : List.of("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")) {
      assertEquals(
          allowed.contains(method), ask(url, method).statusCode() != 405, method + " " + url);
    }
  }

  private static HttpResponse<byte[]> ask(String url, String method) throws Exception {
    return send(
        HttpRequest.newBuilder(URI.create(url))
            .method(method, HttpRequest.BodyPublishers.noBody())
            .build());
  }

  @Test
  void aBodyThatIsTooLongIsRefusedAndTheConnectionGoesOn() throws Exception {
    host.close();
    host =
        TestHost.start(
            new HostSettingsBuilder().maxBodyBytes(100).grace(Duration.ofSeconds(1)).build());
    host.serve("m");
    String large = "{\"inputs\": \"" + "x".repeat(500) + "\"}";
    try (RawClient client = new RawClient(host.port())) {
      client.post("/predictions/m", large);
      RawClient.Answer refused = client.read();
      assertEquals(413, refused.status());
      assertEquals(
          "body: expected at most 100 bytes, got more",
          parse(refused.body()).get("message").getAsString());
      client.post("/predictions/m", "{\"inputs\": \"say(a)|\"}");
      assertEquals("{\"generated_text\":\"a\"}\n", client.read().body());
      client.send(
          String.join(
              "\r\n",
              "POST /v1/completions HTTP/1.1",
              "Host: localhost",
              "Content-Length: 500",
              "Expect: 100-continue",
              "",
              ""));
      RawClient.Answer expected = client.read();
      assertEquals(413, expected.status());
      assertEquals(
          "request_too_large",
          parse(expected.body()).getAsJsonObject("error").get("code").getAsString());
    }
    HttpRequest chunked =
        HttpClients.request(host.url() + "/predictions/m")
            .POST(
                HttpRequest.BodyPublishers.ofInputStream(
                    () -> new ByteArrayInputStream(large.getBytes(StandardCharsets.UTF_8))))
            .build();
    assertEquals(413, send(chunked).statusCode());
  }

  @Test
  void anApiKeyIsAskedForEverywhereButWhereProbesKnock() throws Exception {
    host.close();
    host =
        TestHost.start(
            new HostSettingsBuilder()
                .apiKey("s3cret")
                .maxBodyBytes(10_000)
                .grace(Duration.ofSeconds(1))
                .build());
    host.serve("m");
    for (String header : new String[] {"Bearer wrong", "s3cret", "Bearer ", "Basic s3cret"}) {
      HttpResponse<byte[]> refused = get(host.url() + "/v1/models", "Authorization", header);
      assertEquals(401, refused.statusCode(), header);
      assertEquals("Bearer", refused.headers().firstValue("WWW-Authenticate").orElse(""));
      assertEquals(
          "invalid_api_key", object(refused).getAsJsonObject("error").get("code").getAsString());
    }
    assertEquals(401, get(host.url() + "/calm/metrics").statusCode());
    assertEquals(401, post(host.url() + "/predictions/m", "{}").statusCode());
    assertEquals(200, get(host.url() + "/ping").statusCode());
    assertEquals(200, get(host.url() + "/calm/ready").statusCode());
    assertEquals(
        200, get(host.url() + "/v1/models", "Authorization", "bearer s3cret").statusCode());
  }

  @Test
  void moreSequencesThanCouldEverWaitAreRefusedForGood() throws Exception {
    host.serve(ScriptedModels.builder("m").scheduling(new SchedulerSettings(4096, 128, 1, 1, 64)));
    HttpResponse<byte[]> response =
        post(host.url() + "/v1/completions", "{\"prompt\": \"x\", \"n\": 3}");
    assertEquals(400, response.statusCode());
    assertEquals(
        "n: expected at most 2 sequences in one request, got 3; send several requests",
        object(response).getAsJsonObject("error").get("message").getAsString());
  }

  @Test
  void aHeadHasNoBody() throws Exception {
    host.serve("m");
    HttpResponse<byte[]> head =
        send(
            HttpClients.request(host.url() + "/ping")
                .method("HEAD", HttpRequest.BodyPublishers.noBody())
                .build());
    assertEquals(200, head.statusCode());
    assertEquals(0, head.body().length);
  }

  @Test
  void theOperatorsOptionsChangeTheShapes() throws Exception {
    SchedulerSettings settings = new SchedulerSettings(4096, 128, 4, 8, 64);
    host.serve(ScriptedModels.builder("sse").scheduling(settings).lmi(new LmiOptions(true, false)));
    host.serve(ScriptedModels.builder("tgi").scheduling(settings).lmi(new LmiOptions(false, true)));
    String stream = "{\"inputs\": \"say(a)|\", \"stream\": true}";
    HttpResponse<byte[]> sse = post(host.url() + "/predictions/sse", stream);
    assertEquals("text/event-stream", contentType(sse));
    assertEquals(2, HttpClients.events(sse).size());
    HttpResponse<byte[]> lines =
        post(host.url() + "/predictions/sse", stream, "Accept", "application/jsonlines");
    assertEquals(2, HttpClients.lines(lines).size());
    JsonObject whole =
        json(post(host.url() + "/predictions/tgi", "{\"inputs\": \"say(a)|\"}"))
            .getAsJsonArray()
            .get(0)
            .getAsJsonObject();
    JsonObject token =
        whole.getAsJsonObject("details").getAsJsonArray("tokens").get(1).getAsJsonObject();
    assertTrue(token.has("logprob") && token.get("special").getAsBoolean());
    HttpResponse<byte[]> tgi = post(host.url() + "/predictions/tgi", stream);
    assertEquals("text/event-stream", contentType(tgi));
  }

  @Test
  void anAddressInUseIsNamed() {
    IOException e =
        assertThrows(
            IOException.class, () -> TestHost.start(HostSettings.of("127.0.0.1", host.port())));
    assertTrue(
        e.getMessage().startsWith("cannot listen on 127.0.0.1:" + host.port()), e.getMessage());
  }
}
