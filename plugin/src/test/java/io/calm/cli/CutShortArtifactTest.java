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
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.runtime.Decoders;
import io.calm.testing.JavaProcess;
import io.calm.testing.Repository;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * An artifact's file that is cut short beneath a server: requests of its model end with an error,
 * and the process and its other models go on. With native kernels the fault is a SIGBUS.
 */
@DisabledOnOs(value = OS.WINDOWS, disabledReason = "a file that is mapped cannot be cut there")
class CutShortArtifactTest {
  private static final String CUT = "calm-tiny-llama";
  private static final String OTHER = "calm-tiny-qwen2";

  @TempDir Path cache;

  private ServerProcess start(String kernel) throws Exception {
    return ServerProcess.start(
        JavaProcess.of(
                Main.class,
                "serve",
                "--port",
                "0",
                Repository.path("models/" + CUT).toString(),
                Repository.path("models/" + OTHER).toString())
            .flags(
                "-Xmx512m",
                "-XX:-CreateCoredumpOnCrash",
                "-XX:ErrorFile=" + cache.resolve("crash.log"))
            .environment("OPTION_CALM_ALGORITHM", "rtn")
            .environment("OPTION_CALM_LM_HEAD", "int8")
            .environment("OPTION_CALM_WEIGHTS", "mapped")
            .environment("OPTION_CALM_KERNEL", kernel)
            .environment("OPTION_CALM_THREADS", "3")
            .environment("OPTION_CALM_CACHE_DIR", cache.resolve("calm").toString()),
        2);
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

  /** A file of an artifact, and how much of it is left. */
  private record Cut(String file, double left) {}

  @Test
  void requestsEndAndTheServerGoesOnInJava() throws Exception {
    requestsEndAndTheServerGoesOn(
        Decoders.JAVA, new Cut("blocks.bin", 0), new Cut("tables.bin", 0.5));
  }

  @Test
  void requestsEndAndTheServerGoesOnWithNativeKernels() throws Exception {
    boolean isNative = Decoders.variant(Decoders.AUTO).isPresent();
    if (!isNative) {
      System.out.println("SKIPPED CutShortArtifactTest: no native kernels here");
    }
    assumeTrue(isNative, "no native kernels here");
    requestsEndAndTheServerGoesOn(
        Decoders.AUTO,
        new Cut("blocks.bin", 0),
        new Cut("blocks.bin", 0.7),
        new Cut("tables.bin", 0));
  }

  private void requestsEndAndTheServerGoesOn(String kernel, Cut... cuts) throws Exception {
    try (ServerProcess server = start(kernel)) {
      for (Cut cut : cuts) {
        requestsEndAndTheServerGoesOn(server, cut);
      }
      String log = server.java().errors();
      assertFalse(log.contains("SIGBUS"), log);
    }
  }

  private void requestsEndAndTheServerGoesOn(ServerProcess server, Cut cut) throws Exception {
    String url = server.url().toString();
    String before = answer(url, CUT);
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
    cut(artifact("llama").resolve(cut.file()), cut.left());
    // Whether the long request met the cut or had ended before, the next one meets it.
    running.get(60, TimeUnit.SECONDS);
    HttpResponse<byte[]> refused = ask(url, CUT, 8);
    assertTrue(refused.statusCode() == 500 || refused.statusCode() == 503, text(refused));
    assertTrue(text(refused).contains(cut.file() + ": expected "), cut + ": " + text(refused));
    assertTrue(text(refused).contains("cut short while in use"), text(refused));
    assertTrue(text(refused).contains("load the model again"), text(refused));
    assertEquals(503, ask(url, CUT, 8).statusCode());

    assertTrue(server.java().process().isAlive());
    assertEquals(other, answer(url, OTHER));
    assertTrue(text(get(url + "/calm/models")).contains("\"failed\""));

    send(request(url + "/models/" + CUT).DELETE().build());
    String again =
        url + "/models?model_name=" + CUT + "&url=" + Repository.path("models/" + CUT).toUri();
    HttpResponse<byte[]> registered = send(request(again).POST(BodyPublishers.noBody()).build());
    assertEquals(200, registered.statusCode(), text(registered));
    assertEquals(before, answer(url, CUT));
  }
}
