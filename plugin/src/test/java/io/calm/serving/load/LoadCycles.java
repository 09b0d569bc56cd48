package io.calm.serving.load;

import io.calm.metrics.CalmMetrics;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.model.LmiOptions;
import io.calm.serving.model.LoadProgress;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ModelStatus;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.JsonBody;
import io.calm.serving.reply.ReplySink;
import io.calm.serving.reply.Schema;
import io.calm.settings.CalmSettings;
import io.prometheus.client.CollectorRegistry;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.stream.Stream;

/**
 * Loads a model, has it answer, and unloads it, again and again; prints after each cycle what the
 * process holds: {@code cycle 7 rss 181.2 MiB}. A program, for a process of its own.
 */
final class LoadCycles {
  private LoadCycles() {}

  /**
   * Runs the cycles.
   *
   * @param arguments a model's directory, and the number of cycles
   */
  public static void main(String[] arguments) throws Exception {
    Path model = Path.of(arguments[0]);
    ModelLoader.Order order =
        new ModelLoader.Order(
            "m",
            model.toString(),
            model,
            CalmSettings.of(Map.of(), System.getenv()),
            LmiOptions.DEFAULT,
            false);
    ModelRegistry registry = new ModelRegistry();
    TextService text =
        new TextService(new CalmMetrics(new CollectorRegistry(), List::of), InstantSource.system());
    for (int cycle = 1; cycle <= Integer.parseInt(arguments[1]); cycle++) {
      LoadProgress progress = registry.loading("m", model.toString());
      registry.ready(progress, ModelLoader.load(order, progress));
      ask(text, ((ModelStatus.Ready) registry.status("m").orElseThrow()).model());
      registry.remove("m");
      registry.awaitUnloaded();
      System.gc(); // mapped files go with their last reference
      Thread.sleep(20);
      System.out.printf("cycle %d rss %.1f MiB%n", cycle, rss() / 1024.0);
    }
  }

  private static void ask(TextService text, ServedModel model) throws InterruptedException {
    byte[] body =
        "{\"inputs\": \"The kernel\", \"parameters\": {\"max_new_tokens\": 20}}"
            .getBytes(StandardCharsets.UTF_8);
    CountDownLatch answered = new CountDownLatch(1);
    text.prepare(model, Schema.DJL, JsonBody.parse(body), "")
        .start(
            new ReplySink() {
              @Override
              public void full(
                  int status, String contentType, Map<String, String> headers, byte[] answer) {
                if (status != 200) {
                  throw new IllegalStateException(new String(answer, StandardCharsets.UTF_8));
                }
                answered.countDown();
              }

              @Override
              public void begin(String contentType, Map<String, String> headers) {
                throw new IllegalStateException("not streamed");
              }

              @Override
              public void write(byte[] bytes) {
                throw new IllegalStateException("not streamed");
              }

              @Override
              public void end() {
                throw new IllegalStateException("not streamed");
              }
            });
    answered.await();
  }

  private static long rss() throws IOException {
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/status"))) {
      return lines
          .filter(line -> line.startsWith("VmRSS:"))
          .mapToLong(line -> Long.parseLong(line.replaceAll("\\D", "")))
          .findFirst()
          .orElseThrow();
    }
  }
}
