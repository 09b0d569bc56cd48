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

import io.calm.testing.Repository;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
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
  private static final Pattern READY = Pattern.compile("(\\S+) is ready at (http://\\S+),.*");
  private static final int SIGTERM = 143;

  @TempDir static Path cache;

  private static List<String> command() {
    return new ArrayList<>(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx512m",
            "-cp",
            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
            "io.calm.cli.Main",
            "serve",
            "--port",
            "0"));
  }

  /** A server that answers. */
  private record Server(Process process, URI url, List<String> models) implements AutoCloseable {

    static Server start(int drainSeconds, String... models) throws IOException {
      List<String> command = command();
      for (String model : models) {
        command.add(Repository.path("models/" + model).toString());
      }
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD);
      builder.environment().put("OPTION_CALM_ALGORITHM", "rtn");
      builder.environment().put("OPTION_CALM_KERNEL", "java");
      builder.environment().put("OPTION_CALM_THREADS", "1");
      builder.environment().put("OPTION_CALM_MAX_RUNNING", "16");
      builder.environment().put("OPTION_CALM_CACHE_DIR", cache.toString());
      builder.environment().put("OPTION_CALM_DRAIN_TIMEOUT", Integer.toString(drainSeconds));
      Process process = builder.start();
      List<String> ready = new ArrayList<>();
      BufferedReader out = process.inputReader(StandardCharsets.UTF_8);
      for (String line = out.readLine(); line != null; line = out.readLine()) {
        Matcher matcher = READY.matcher(line);
        if (matcher.matches()) {
          ready.add(matcher.group(1));
          if (ready.size() == models.length) {
            return new Server(process, URI.create(matcher.group(2)), ready);
          }
        }
      }
      throw new AssertionError("the server ended: " + process.exitValue());
    }

    /** Begins a stream of many tokens and returns its first line on. */
    InputStream stream(Socket socket) throws IOException {
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

    Socket connect() throws IOException {
      return new Socket(InetAddress.getLoopbackAddress(), url.getPort());
    }

    void awaitRefusal() throws InterruptedException {
      while (true) {
        try {
          connect().close();
          Thread.sleep(5);
        } catch (IOException refused) {
          return;
        }
      }
    }

    @Override
    public void close() {
      process.destroyForcibly();
    }
  }

  /** The host cannot be bound, so a server that takes the key ends too. */
  @ParameterizedTest
  @ValueSource(strings = {"", "s3cret\n"})
  void anApiKeyOfTheEnvironmentThatCannotBeUsedIsRefused(String key) throws Exception {
    List<String> command = command();
    command.addAll(List.of("--host", "x".repeat(64)));
    command.add(Repository.path("models/calm-tiny-llama").toString());
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put("CALM_API_KEY", key);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(2, process.waitFor(), output);
    assertTrue(output.contains("API key (--api-key or CALM_API_KEY): expected"), output);
  }

  @Test
  void severalModelsAnswerAndMoreComeAndGo() throws Exception {
    try (Server server = Server.start(25, "calm-tiny-llama", "calm-tiny-qwen2")) {
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
    try (Server server = Server.start(120, "calm-tiny-llama");
        Socket socket = server.connect()) {
      InputStream stream = server.stream(socket);
      server.process().destroy();
      server.awaitRefusal();
      String rest = new String(stream.readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(rest.contains("data: [DONE]"), "the stream is whole");
      assertEquals(
          16, Pattern.compile("\"finish_reason\":\"length\"").matcher(rest).results().count());
      assertTrue(server.process().waitFor(30, TimeUnit.SECONDS));
      assertEquals(SIGTERM, server.process().exitValue());
    }
  }

  @Test
  void aStreamThatDoesNotEndInTimeIsToldSo() throws Exception {
    try (Server server = Server.start(0, "calm-tiny-llama");
        Socket socket = server.connect()) {
      InputStream stream = server.stream(socket);
      server.process().destroy();
      String rest = new String(stream.readAllBytes(), StandardCharsets.UTF_8);
      assertTrue(
          rest.contains("model_not_ready"), rest.substring(Math.max(0, rest.length() - 500)));
      assertTrue(server.process().waitFor(30, TimeUnit.SECONDS));
      assertEquals(SIGTERM, server.process().exitValue());
    }
  }

  @Test
  void aSecondSignalEndsAtOnce() throws Exception {
    try (Server server = Server.start(3600, "calm-tiny-llama");
        Socket socket = server.connect()) {
      InputStream stream = server.stream(socket);
      server.process().destroy();
      server.awaitRefusal();
      server.process().destroy();
      assertTrue(server.process().waitFor(30, TimeUnit.SECONDS));
      assertEquals(SIGTERM, server.process().exitValue());
      assertFalse(readWhatIsLeft(stream).contains("data: [DONE]"), "it was cut in the middle");
    }
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
