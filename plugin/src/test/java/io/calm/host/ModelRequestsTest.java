package io.calm.host;

import static io.calm.host.ManagedModels.status;
import static io.calm.testing.HttpClients.get;
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
import io.calm.testing.NettyLeaks;
import java.net.URLEncoder;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The forms of requests to {@code /models}: names, URLs, JSON bodies, pages and workers. */
@ExtendWith(NettyLeaks.Check.class)
class ModelRequestsTest {
  @TempDir Path models;

  @RegisterExtension private final ManagedModels managed = new ManagedModels();

  @Test
  void aRegistrationMayBeAJsonBody() throws Exception {
    String body = "{\"url\": \"%s\", \"job_queue_size\": 7}".formatted(models);
    HttpResponse<byte[]> registered = post(managed.url() + "/models", body);
    String name = models.getFileName().toString().replaceAll("\\W", "_");
    assertEquals("Model \"%s\" registered.".formatted(name), status(registered));
    assertEquals(200, managed.ask(name).statusCode());
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
        send(request(managed.url() + "/models?" + query).POST(BodyPublishers.noBody()).build());
    assertEquals(status, refused.statusCode(), text(refused));
    String message = object(refused).get("message").getAsString();
    assertTrue(message.contains(reason), message);
  }

  @Test
  void theLongestNamesCanBeUsed() throws Exception {
    for (String name : List.of("org/Name-1.5_b", "..a", "a.", "x".repeat(128))) {
      HttpResponse<byte[]> answer = registerAs(name);
      assertEquals(200, answer.statusCode(), text(answer));
      String path = URLEncoder.encode(name, StandardCharsets.UTF_8);
      assertEquals(200, managed.ask(path).statusCode());
      assertEquals(200, managed.unregister(path).statusCode());
    }
    assertEquals(400, registerAs("x".repeat(129)).statusCode());
  }

  private HttpResponse<byte[]> registerAs(String name) throws Exception {
    JsonObject body = new JsonObject();
    body.addProperty("url", models.toString());
    body.addProperty("model_name", name);
    return post(managed.url() + "/models", body.toString());
  }

  @Test
  void anUnknownNameIsShownShortened() throws Exception {
    String name = "x".repeat(2000);
    for (HttpResponse<byte[]> unknown :
        List.of(managed.unregister(name), managed.scale(name, ""))) {
      assertEquals(404, unknown.statusCode());
      assertEquals(
          "Model or workflow not found: " + "x".repeat(200) + "... (2000 characters)",
          object(unknown).get("message").getAsString());
    }
    assertEquals(
        "Model or workflow not found: a\\u001b[31mb",
        object(managed.unregister("a%1B%5B31mb")).get("message").getAsString());
  }

  @Test
  void aModelHasOneWorkerWhateverIsAskedFor() throws Exception {
    assertEquals(
        "Workflow \"there\" worker scaled. New Worker configuration min workers:1 max workers:1",
        status(managed.scale("there", "?min_worker=1&max_worker=1")));
    String told = status(managed.scale("there", "?min_worker=2&max_worker=4"));
    assertTrue(told.contains("min workers:1 max workers:1 (a model has one worker"), told);
    assertEquals(404, managed.scale("nowhere", "").statusCode());
    assertEquals(400, managed.scale("there", "?max_worker=0").statusCode());
    assertEquals(400, managed.scale("there", "?min_worker=x").statusCode());
    managed.register(models, "slow", "&synchronous=false");
    assertEquals(503, managed.scale("slow", "?min_worker=1").statusCode());
  }

  @Test
  void modelsAreListedInPages() throws Exception {
    managed.register(models, "a", "");
    managed.register(models, "b", "");
    JsonObject first = object(get(managed.url() + "/models?limit=2"));
    assertEquals(2, first.getAsJsonArray("models").size());
    assertEquals("2", first.get("nextPageToken").getAsString());
    JsonObject second = object(get(managed.url() + "/models?limit=2&next_page_token=2"));
    assertEquals(
        "there",
        second.getAsJsonArray("models").get(0).getAsJsonObject().get("modelName").getAsString());
    assertFalse(second.has("nextPageToken"));
    assertEquals(3, listed("?limit=1000").size(), "as many as a page can have");
    assertEquals(0, listed("?next_page_token=7").size(), "models may be gone by the next page");
  }

  private JsonArray listed(String query) throws Exception {
    return object(get(managed.url() + "/models" + query)).getAsJsonArray("models");
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
    HttpResponse<byte[]> refused = get(managed.url() + "/models?" + query);
    assertEquals(400, refused.statusCode());
    assertEquals(message, object(refused).get("message").getAsString());
  }
}
