package io.calm.serving;

import static io.calm.serving.HttpClients.contentType;
import static io.calm.serving.HttpClients.object;
import static io.calm.serving.HttpClients.post;
import static io.calm.serving.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.net.http.HttpResponse;
import java.util.List;

/** Asks the server under test, whose model is {@link io.calm.testing.ScriptedModels#create}. */
abstract class ContractClient {
  static final String PREDICTIONS = "/predictions/scripted";

  /** Returns e.g. {@code http://127.0.0.1:8080}. */
  protected abstract String baseUrl();

  HttpResponse<byte[]> ask(String path, String body, String... headers) throws Exception {
    return post(baseUrl() + path, body.replace('\'', '"'), headers);
  }

  JsonObject answer(String path, String body) throws Exception {
    HttpResponse<byte[]> response = ask(path, body);
    assertEquals(200, response.statusCode(), () -> text(response));
    assertEquals("application/json", contentType(response));
    return object(response);
  }

  static void assertJson(String expected, JsonElement actual) {
    assertEquals(com.google.gson.JsonParser.parseString(expected.replace('\'', '"')), actual);
  }

  static List<String> keys(JsonObject object) {
    return List.copyOf(object.keySet());
  }

  JsonObject openAiError(int status, String path, String body) throws Exception {
    HttpResponse<byte[]> response = ask(path, body);
    assertEquals(status, response.statusCode(), () -> text(response));
    JsonObject error = object(response).getAsJsonObject("error");
    assertEquals(List.of("message", "type", "param", "code"), keys(error));
    return error;
  }
}
