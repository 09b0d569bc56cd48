package io.calm.cli;

import static io.calm.testing.HttpClients.get;
import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.post;
import static io.calm.testing.HttpClients.request;
import static io.calm.testing.HttpClients.send;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.runtime.Decoders;
import io.calm.testing.Repository;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * An artifact's file that is cut short beneath a server: requests of its model end with an error,
 * and the process and its other models go on. With native kernels the fault is a SIGBUS.
 */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "a file that is mapped cannot be cut there")
class CutShortArtifactTest {
  private static final Pattern READY = Pattern.compile("(\\S+) is ready at (http://\\S+),.*");
  private static final String CUT = "calm-tiny-llama";
  private static final String OTHER = "calm-tiny-qwen2";

  @TempDir Path cache;

  private Process start(String kernel) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-XX:-CreateCoredumpOnCrash",
                "-XX:ErrorFile=" + cache.resolve("crash.log"),
                "-cp",
                System.getProperty(
                    "surefire.test.class.path", System.getProperty("java.class.path")),
                "io.calm.cli.Main",
                "serve",
                "--port",
                "0",
                Repository.path("models/" + CUT).toString(),
                Repository.path("models/" + OTHER).toString())
            .redirectError(cache.resolve("log").toFile());
    builder.environment().put("OPTION_CALM_ALGORITHM", "rtn");
    builder.environment().put("OPTION_CALM_LM_HEAD", "int8");
    builder.environment().put("OPTION_CALM_WEIGHTS", "mapped");
    builder.environment().put("OPTION_CALM_KERNEL", kernel);
    builder.environment().put("OPTION_CALM_THREADS", "3");
    builder.environment().put("OPTION_CALM_CACHE_DIR", cache.resolve("calm").toString());
    return builder.start();
  }

  /** Returns the URL of a server once all its models are ready. */
  private static String awaitReady(Process server) throws IOException {
    int ready = 0;
    BufferedReader out = server.inputReader(StandardCharsets.UTF_8);
    for (String line = out.readLine(); line != null; line = out.readLine()) {
      Matcher matcher = READY.matcher(line);
      if (matcher.matches() && ++ready == 2) {
        return matcher.group(2);
      }
    }
    throw new AssertionError("the server ended before it was ready");
  }

  private static HttpResponse<byte[]> ask(String url, String model, int tokens) throws Exception {
    return post(
        url + "/v1/completions",
        "{\"model\": \"%s\", \"prompt\": \"The\", \"max_tokens\": %d, \"temperature\": 0, \"ignore_eos\": true}"
            .formatted(model, tokens));
  }

  private static String answer(String url, String model) throws Exception {
    HttpResponse<byte[]> answer = ask(url, model, 8);
    assertEquals(200, answer.statusCode(), text(answer));
    return object(answer).get("choices").toString();
  }

  /** Returns the directory of the artifact whose manifest names a family. */
  private Path artifact(String family) throws IOException {
    try (Stream<Path> entries = Files.list(cache.resolve("calm").resolve("artifacts"))) {
      for (Path entry : entries.filter(Files::isDirectory).toList()) {
        if (Files.readString(entry.resolve("manifest.json")).contains('"' + family + '"')) {
          return entry;
        }
      }
    }
    throw new AssertionError("no artifact of " + family);
  }

  private static void cut(Path file, double left) throws IOException {
    assertTrue(file.toFile().setWritable(true)); // published read only: root can write it anyway
    try (RandomAccessFile access = new RandomAccessFile(file.toFile(), "rw")) {
      access.setLength((long) (access.length() * left));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "java, blocks.bin, 0",
    "java, tables.bin, 0.5",
    "auto, blocks.bin, 0",
    "auto, blocks.bin, 0.7",
    "auto, tables.bin, 0",
  })
  void requestsEndAndTheServerGoesOn(String kernel, String file, double left) throws Exception {
    boolean isNative = Decoders.variant(kernel).isPresent();
    if (kernel.equals(Decoders.AUTO) && !isNative) {
      System.out.println("SKIPPED CutShortArtifactTest: no native kernels here");
    }
    assumeTrue(kernel.equals(Decoders.JAVA) || isNative, "no native kernels here");
    Process server = start(kernel);
    try {
      String url = awaitReady(server);
      String cut = answer(url, CUT);
      String other = answer(url, OTHER);
      CompletableFuture<HttpResponse<byte[]>> running =
          CompletableFuture.supplyAsync(
              () -> {
                try {
                  return ask(url, CUT, 490);
                } catch (Exception e) {
                  throw new IllegalStateException(e);
                }
              });
      cut(artifact("llama").resolve(file), left);
      // Whether the long request met the cut or had ended before, the next one meets it.
      running.get(60, TimeUnit.SECONDS);
      HttpResponse<byte[]> refused = ask(url, CUT, 8);
      assertTrue(refused.statusCode() == 500 || refused.statusCode() == 503, text(refused));
      assertTrue(text(refused).contains(file + ": expected "), text(refused));
      assertTrue(text(refused).contains("cut short while in use"), text(refused));
      assertTrue(text(refused).contains("load the model again"), text(refused));
      assertEquals(503, ask(url, CUT, 8).statusCode());

      assertTrue(server.isAlive());
      assertEquals(other, answer(url, OTHER));
      assertTrue(text(get(url + "/calm/models")).contains("\"failed\""));

      send(request(url + "/models/" + CUT).DELETE().build());
      String again =
          url + "/models?model_name=" + CUT + "&url=" + Repository.path("models/" + CUT).toUri();
      HttpResponse<byte[]> registered = send(request(again).POST(BodyPublishers.noBody()).build());
      assertEquals(200, registered.statusCode(), text(registered));
      assertEquals(cut, answer(url, CUT));
    } finally {
      server.destroyForcibly();
      server.waitFor();
    }
    List<String> log = Files.readAllLines(cache.resolve("log"));
    assertTrue(
        log.stream().noneMatch(line -> line.contains("SIGBUS")), () -> String.join("\n", log));
  }
}
