package io.calm.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** Requests over loopback, and readers of what comes back. */
public final class HttpClients {
  private static final HttpClient CLIENT =
      HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

  private HttpClients() {}

  public static HttpResponse<byte[]> get(String url, String... headers) throws Exception {
    return send(request(url, headers).GET().build());
  }

  public static HttpResponse<byte[]> post(String url, String body, String... headers)
      throws Exception {
    return post(url, body.getBytes(StandardCharsets.UTF_8), headers);
  }

  public static HttpResponse<byte[]> post(String url, byte[] body, String... headers)
      throws Exception {
    return send(
        request(url, headers)
            .header("Content-Type", "application/json")
            .POST(HttpRequest.BodyPublishers.ofByteArray(body))
            .build());
  }

  public static HttpRequest.Builder request(String url, String... headers) {
    HttpRequest.Builder builder =
        HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(60));
    return headers.length == 0 ? builder : builder.headers(headers);
  }

  public static HttpResponse<byte[]> send(HttpRequest request) throws Exception {
    return CLIENT.send(request, HttpResponse.BodyHandlers.ofByteArray());
  }

  public static String text(HttpResponse<byte[]> response) {
    return new String(response.body(), StandardCharsets.UTF_8);
  }

  public static JsonElement json(HttpResponse<byte[]> response) {
    return JsonParser.parseString(text(response));
  }

  public static JsonObject object(HttpResponse<byte[]> response) {
    return json(response).getAsJsonObject();
  }

  public static String contentType(HttpResponse<byte[]> response) {
    return response.headers().firstValue("content-type").orElse("");
  }

  /** Returns the lines of a JSON lines body; an empty line is an error. */
  public static List<JsonObject> lines(HttpResponse<byte[]> response) {
    String text = text(response);
    if (!text.endsWith("\n")) {
      throw new AssertionError("the last line has no end: " + text);
    }
    List<JsonObject> lines = new ArrayList<>();
    for (String line : text.substring(0, text.length() - 1).split("\n", -1)) {
      lines.add(JsonParser.parseString(line).getAsJsonObject());
    }
    return lines;
  }

  /** Returns the data of a body of server-sent events, in order. */
  public static List<String> events(HttpResponse<byte[]> response) {
    List<String> events = new ArrayList<>();
    for (String event : text(response).strip().split("\n\n", -1)) {
      if (!event.startsWith("data: ")) {
        throw new AssertionError("not an event: " + event);
      }
      events.add(event.substring("data: ".length()));
    }
    return events;
  }

  /** Returns the chunks of OpenAI's stream, whose end must be {@code [DONE]}. */
  public static List<JsonObject> chunks(HttpResponse<byte[]> response) {
    List<String> events = events(response);
    if (!events.get(events.size() - 1).equals("[DONE]")) {
      throw new AssertionError("no [DONE]: " + events);
    }
    return events.subList(0, events.size() - 1).stream()
        .map(event -> JsonParser.parseString(event).getAsJsonObject())
        .toList();
  }

  public static JsonObject choice(JsonObject body, int index) {
    JsonArray choices = body.getAsJsonArray("choices");
    return choices.get(index).getAsJsonObject();
  }

  public static List<String> keys(JsonObject object) {
    return List.copyOf(object.keySet());
  }

  /** Returns the object of a JSON text that is written with single quotes. */
  public static JsonObject parse(String json) {
    return JsonParser.parseString(json.replace('\'', '"')).getAsJsonObject();
  }

  /** Compares with JSON that is written with single quotes. */
  public static void assertJson(String expected, JsonElement actual) {
    assertEquals(JsonParser.parseString(expected.replace('\'', '"')), actual);
  }
}
