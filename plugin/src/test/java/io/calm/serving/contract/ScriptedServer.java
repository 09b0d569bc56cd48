package io.calm.serving.contract;

import static io.calm.testing.HttpClients.contentType;
import static io.calm.testing.HttpClients.keys;
import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.post;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.JsonObject;
import java.net.http.HttpResponse;
import java.util.List;

/**
 * The server under test, with {@link io.calm.testing.ScriptedModels#create} as its only model under
 * the name {@code scripted}. Every part of the contract asks it through these methods.
 */
public interface ScriptedServer {
  String PREDICTIONS = "/predictions/scripted";

  /** Returns the address of the server, for example {@code http://127.0.0.1:8080}. */
  String baseUrl();

  default HttpResponse<byte[]> ask(String path, String body, String... headers) throws Exception {
    return post(baseUrl() + path, body.replace('\'', '"'), headers);
  }

  default JsonObject answer(String path, String body) throws Exception {
    HttpResponse<byte[]> response = ask(path, body);
    assertEquals(200, response.statusCode(), () -> text(response));
    assertEquals("application/json", contentType(response));
    return object(response);
  }

  default JsonObject openAiError(int status, String path, String body) throws Exception {
    HttpResponse<byte[]> response = ask(path, body);
    assertEquals(status, response.statusCode(), () -> text(response));
    JsonObject error = object(response).getAsJsonObject("error");
    assertEquals(List.of("message", "type", "param", "code"), keys(error));
    return error;
  }
}
