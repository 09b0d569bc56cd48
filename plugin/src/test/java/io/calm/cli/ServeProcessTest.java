package io.calm.cli;

import static io.calm.testing.HttpClients.get;
import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.post;
import static io.calm.testing.HttpClients.request;
import static io.calm.testing.HttpClients.send;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.JavaProcess;
import io.calm.testing.Repository;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** {@code calm serve} as a process of its own: several models, and how it stops. */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "there is no SIGTERM")
class ServeProcessTest {
  private static final int SIGTERM = 143;

  @TempDir static Path cache;

  private static ServerProcess start(int drainSeconds, String... models) throws Exception {
    List<String> arguments = new ArrayList<>(List.of("serve", "--port", "0"));
    for (String model : models) {
      arguments.add(Repository.path("models/" + model).toString());
    }
    return ServerProcess.start(
        JavaProcess.of(Main.class, arguments.toArray(String[]::new))
            .flags("-Xmx512m")
            .environment("OPTION_CALM_ALGORITHM", "rtn")
            .environment("OPTION_CALM_KERNEL", "java")
            .environment("OPTION_CALM_THREADS", "1")
            .environment("OPTION_CALM_MAX_RUNNING", "16")
            .environment("OPTION_CALM_CACHE_DIR", cache.toString())
            .environment("OPTION_CALM_DRAIN_TIMEOUT", Integer.toString(drainSeconds)),
        models.length);
  }

  /** Begins a stream of many tokens and returns its first line on. */
  private static InputStream stream(Socket socket) throws IOException {
    String body =
        "{\"model\": \"calm-tiny-llama\", \"prompt\": \"The\", \"max_tokens\": 400, \"n\": 16,"
            + " \"ignore_eos\": true, \"stream\": true}";
    socket
        .getOutputStream()
        .write(
            "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s"
                .formatted(body.length(), body)
                .getBytes(StandardCharsets.US_ASCII));
    InputStream in = socket.getInputStream();
    assertEquals("HTTP/1.1 200 OK", new String(in.readNBytes(15), StandardCharsets.US_ASCII));
    return in;
  }

  private static Socket connect(ServerProcess server) throws IOException {
    return new Socket(server.url().getHost(), server.url().getPort());
  }

  private static void awaitRefusal(ServerProcess server) throws InterruptedException {
    while (true) {
      try {
        connect(server).close();
        Thread.sleep(5);
      } catch (IOException refused) {
        return;
      }
    }
  }

  /** The host cannot be bound, so a server that takes the key ends too. */
  @ParameterizedTest
  @ValueSource(strings = {"", "s3cret\n"})
  void anApiKeyOfTheEnvironmentThatCannotBeUsedIsRefused(String key) throws Exception {
    JavaProcess.Result result =
        JavaProcess.of(
                Main.class,
                "serve",
                "--port",
                "0",
                "--host",
                "x".repeat(64),
                Repository.path("models/calm-tiny-llama").toString())
            .environment("CALM_API_KEY", key)
            .run();
    assertEquals(2, result.status(), result::toString);
    assertTrue(
        result.errors().contains("API key (--api-key or CALM_API_KEY): expected"),
        result::toString);
  }

  @Test
  void severalModelsAnswerAndMoreComeAndGo() throws Exception {
    try (ServerProcess server = start(25, "calm-tiny-llama", "calm-tiny-qwen2")) {
      assertEquals(List.of("calm-tiny-llama", "calm-tiny-qwen2"), server.models());
      String url = server.url().toString();
      String more =
          url + "/models?model_name=third&url=" + Repository.path("models/calm-tiny-llama").toUri();
      HttpResponse<byte[]> registered = send(request(more).POST(BodyPublishers.noBody()).build());
      assertEquals(200, registered.statusCode(), text(registered));
      String first = answer(url, "calm-tiny-llama");
      assertEquals(first, answer(url, "third"), "the same model under another name");
      assertFalse(answer(url, "calm-tiny-qwen2").isEmpty());

      send(request(url + "/models/calm-tiny-qwen2").DELETE().build());
      String models = text(get(url + "/models"));
      assertFalse(models.contains("qwen2"), models);
      assertEquals(first, answer(url, "calm-tiny-llama"));
      assertEquals(200, get(url + "/calm/ready").statusCode());
    }
  }

  private static String answer(String url, String model) throws Exception {
    HttpResponse<byte[]> answer =
        post(url + "/predictions/" + model, "{\"inputs\": \"The package manager\"}");
    assertEquals(200, answer.statusCode(), text(answer));
    return object(answer).get("generated_text").getAsString();
  }

  @Test
  void sigtermLetsStreamsEndAndTakesNoMore() throws Exception {
    try (ServerProcess server = start(120, "calm-tiny-llama");
        Socket socket = connect(server)) {
      InputStream stream = stream(socket);
      server.java().terminate();
      awaitRefusal(server);
      String rest = new String(stream.readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(rest.contains("data: [DONE]"), "the stream is whole");
      assertEquals(
          16, Pattern.compile("\"finish_reason\":\"length\"").matcher(rest).results().count());
      assertTerminated(server);
    }
  }

  @Test
  void aStreamThatDoesNotEndInTimeIsToldSo() throws Exception {
    try (ServerProcess server = start(0, "calm-tiny-llama");
        Socket socket = connect(server)) {
      InputStream stream = stream(socket);
      server.java().terminate();
      String rest = new String(stream.readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(
          rest.contains("model_not_ready"), rest.substring(Math.max(0, rest.length() - 500)));
      assertTerminated(server);
    }
  }

  @Test
  void aSecondSignalEndsAtOnce() throws Exception {
    try (ServerProcess server = start(3600, "calm-tiny-llama");
        Socket socket = connect(server)) {
      InputStream stream = stream(socket);
      server.java().terminate();
      awaitRefusal(server);
      server.java().terminate();
      assertTerminated(server);
      assertFalse(readWhatIsLeft(stream).contains("data: [DONE]"), "it was cut in the middle");
    }
  }

  private static void assertTerminated(ServerProcess server) throws Exception {
    // Less than the time after which an unread stream is cut.
    assertTrue(server.java().process().waitFor(25, TimeUnit.SECONDS), "it has not ended");
    JavaProcess.Result result = server.java().await();
    assertEquals(SIGTERM, result.status(), result::toString);
  }

  private static String readWhatIsLeft(InputStream stream) {
    StringBuilder text = new StringBuilder();
    try {
      for (int c = stream.read(); c >= 0; c = stream.read()) {
        text.append((char) c);
      }
    } catch (IOException reset) {
      // as cut off as it can be
    }
    return text.toString();
  }
}
