package io.calm.host;

import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.post;
import static io.calm.testing.HttpClients.request;
import static io.calm.testing.HttpClients.send;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import io.calm.search.Progress;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.model.ServedModel;
import io.calm.settings.CalmSettings;
import io.calm.testing.NettyLeaks;
import io.calm.testing.ScriptedModels;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The settings and the types of a registration's parameters. */
@ExtendWith(NettyLeaks.Check.class)
class RegistrationTest {
  @TempDir Path models;

  private final Map<String, ModelLoader.Order> orders = new ConcurrentHashMap<>();
  private TestHost host = TestHost.closed();

  @BeforeEach
  void start() throws Exception {
    host = TestHost.start(HostSettings.of("127.0.0.1", 0), this::load);
  }

  @AfterEach
  void stop() {
    host.close();
  }

  private ServedModel load(ModelLoader.Order order, Consumer<Progress> progress) {
    orders.put(order.name(), order);
    return ScriptedModels.create(order.name());
  }

  private HttpResponse<byte[]> register(String name, String more) throws Exception {
    String target = "%s/models?url=%s&model_name=%s%s".formatted(host.url(), models, name, more);
    return send(request(target).POST(BodyPublishers.noBody()).build());
  }

  @Test
  void settingsOfARegistrationTakeEffect() throws Exception {
    register("a", "&calm.max-context=64&option.calm_queue_size=9&calm.group=128&unknown=1");
    CalmSettings ofQuery = orders.get("a").settings();
    assertEquals(64, ofQuery.generation().maxContext().orElseThrow());
    assertEquals(9, ofQuery.generation().queueSize());
    assertEquals(128, ofQuery.quantization().group().orElseThrow());
    String body =
        "{\"url\": \"%s\", \"model_name\": \"b\", \"calm.max-context\": 64,"
            + " \"calm.memory-check\": false, \"calm.group\": \"128\", \"calm.threads\": null}";
    HttpResponse<byte[]> registered = post(host.url() + "/models", body.formatted(models));
    assertEquals(200, registered.statusCode(), text(registered));
    CalmSettings ofBody = orders.get("b").settings();
    assertEquals(64, ofBody.generation().maxContext().orElseThrow());
    assertFalse(ofBody.loading().memoryCheck());
    assertEquals(128, ofBody.quantization().group().orElseThrow());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "calm.cache-dir=/etc; calm.cache-dir: expected it in the server's environment",
        "calm.tokenizer-probe=off; calm.tokenizer-probe: expected it in the server's environment",
        "calm.page=false; calm.page: expected it in the server's environment",
        "option.calm_cache_dir=/etc; option.calm_cache_dir: expected it in the server's",
        "calm.max-contxt=64; did you mean calm.max-context?",
        "option.calm_max_contxt=64; did you mean option.calm_max_context?",
        "calm.max-context=many; calm.max-context: expected",
        "calm.group=; calm.group: expected",
      })
  void settingsThatCannotBeAreRefused(String parameter, String reason) throws Exception {
    HttpResponse<byte[]> ofQuery = register("m", "&" + parameter);
    JsonObject body = new JsonObject();
    body.addProperty("url", models.toString());
    body.addProperty("model_name", "m");
    int equals = parameter.indexOf('=');
    body.addProperty(parameter.substring(0, equals), parameter.substring(equals + 1));
    HttpResponse<byte[]> ofBody = post(host.url() + "/models", body.toString());
    for (HttpResponse<byte[]> refused : List.of(ofQuery, ofBody)) {
      assertEquals(400, refused.statusCode(), text(refused));
      String message = object(refused).get("message").getAsString();
      assertTrue(message.contains(reason), message);
    }
    assertTrue(orders.isEmpty());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '`',
      value = {
        "'url': 5; url: expected a string, got the number 5",
        "'url': true; url: expected a string, got true",
        "'url': ['/tmp']; url: expected a string, got an array",
        "'model_name': 5; model_name: expected a string, got the number 5",
        "'engine': 5; engine: expected a string, got the number 5",
        "'synchronous': 'nope'; synchronous: expected true or false, got the string \"nope\"",
        "'synchronous': 1; synchronous: expected true or false, got the number 1",
        "'job_queue_size': 'x'; job_queue_size: expected a whole number, got the string \"x\"",
        "'job_queue_size': -7; job_queue_size: expected",
        "'job_queue_size': true; job_queue_size: expected a whole number, got true",
        "'min_worker': 1.5; min_worker: expected a whole number",
        "'calm.max-context': [64]; calm.max-context: expected a string, a number, true or false,"
            + " got an array",
      })
  void aBodyWithAWrongTypeIsRefused(String member, String reason) throws Exception {
    String url = member.startsWith("'url'") ? "" : ", 'url': '" + models + "'";
    String body = "{%s%s}".formatted(member, url).replace('\'', '"');
    HttpResponse<byte[]> refused = post(host.url() + "/models", body);
    assertEquals(400, refused.statusCode(), text(refused));
    String message = object(refused).get("message").getAsString();
    assertTrue(message.startsWith(reason), message);
    assertTrue(orders.isEmpty());
  }

  @Test
  void aUrlThatIsTooLongIsRefused() throws Exception {
    String body = "{\"url\": \"%s\"}".formatted("a".repeat(1 << 20));
    HttpResponse<byte[]> refused = post(host.url() + "/models", body);
    assertEquals(400, refused.statusCode());
    assertEquals(
        "url: expected at most 4096 characters, got 1048576",
        object(refused).get("message").getAsString());
  }

  @Test
  void onlyTrueAndFalseSayWhetherToWait() throws Exception {
    for (String no : List.of("false", "False", "FALSE")) {
      assertEquals(202, register(no, "&synchronous=" + no).statusCode());
    }
    for (String yes : List.of("true", "TRUE", "")) {
      assertEquals(200, register("waits" + yes, "&synchronous=" + yes).statusCode());
    }
    HttpResponse<byte[]> refused = register("m", "&synchronous=maybe");
    assertEquals(400, refused.statusCode());
    assertEquals(
        "synchronous: expected true or false, got 'maybe'",
        object(refused).get("message").getAsString());
    String body = "{\"url\": \"%s\", \"model_name\": \"b\", \"synchronous\": false}";
    assertEquals(202, post(host.url() + "/models", body.formatted(models)).statusCode());
  }
}
