package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import io.calm.compare.LatencyReport;
import io.calm.generate.Finish;
import io.calm.generate.GeneratedToken;
import io.calm.generate.Generation;
import io.calm.generate.GenerationListener;
import io.calm.generate.GenerationRequest;
import io.calm.generate.SamplingParameters;
import io.calm.generate.TextDecoder;
import io.calm.metrics.CalmMetrics;
import io.calm.search.Progress;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.model.BackgroundSearch;
import io.calm.serving.model.LmiOptions;
import io.calm.serving.model.LoadCancelledException;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ModelStatus;
import io.calm.serving.model.Predecessor;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.PreparedReply;
import io.calm.serving.reply.ReplySink;
import io.calm.serving.reply.Schema;
import io.calm.settings.CalmSettings;
import io.calm.testing.Poll;
import io.calm.testing.Repository;
import io.prometheus.client.CollectorRegistry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model that answers while it is searched for, on a trained model of five blocks. */
class WarmLoaderTest {
  private static final Path TINY = Repository.path("models/calm-tiny-llama");
  private static final Duration PATIENCE = Duration.ofMinutes(3);

  @TempDir Path cache;

  private final ModelRegistry registry = new ModelRegistry();
  private final TextService text =
      new TextService(new CalmMetrics(new CollectorRegistry(), List::of), InstantSource.system());
  private final CountDownLatch searching = new CountDownLatch(1);
  private final CountDownLatch mayEnd = new CountDownLatch(1);
  private final CompletableFuture<ServedModel> swapped = new CompletableFuture<>();

  /** A loader whose search stops until the test lets it go on, and then runs. */
  private class Held implements ModelLoader.Loader {
    @Override
    public ServedModel load(ModelLoader.Order order, Consumer<Progress> progress) {
      return ModelLoader.load(order, progress);
    }

    @Override
    public void search(ModelLoader.Order order, Consumer<Progress> progress) {
      searching.countDown();
      try {
        while (!mayEnd.await(20, TimeUnit.MILLISECONDS)) {
          progress.accept(new Progress.Step(Progress.Kind.CHECKING)); // notices a cancel
        }
      } catch (InterruptedException e) {
        throw new IllegalStateException(e);
      }
      ModelLoader.Loader.super.search(order, progress);
    }
  }

  @AfterEach
  void end() {
    mayEnd.countDown();
    registry.close();
  }

  /** SmoothQuant stands for a search: it needs calibration, which a file of the test gives. */
  private ModelLoader.Order order(String... keysAndValues) throws Exception {
    Path text = cache.resolve("text.txt");
    if (!Files.exists(text)) {
      Files.writeString(text, "the kernel reads the package index and writes a log\n".repeat(400));
    }
    Map<String, String> values = new TreeMap<>();
    values.put("calm.cache-dir", cache.toString());
    values.put("calm.warm-start", "rtn");
    values.put("calm.algorithm", "smoothquant");
    values.put("calm.lm-head", "int8");
    values.put("calm.calibration", text.toString());
    values.put("calm.calibration.samples", "4");
    values.put("calm.calibration.length", "48");
    values.put("calm.kv-budget-mb", "8");
    values.put("calm.speculate", "off"); // a token is a step
    for (int i = 0; i < keysAndValues.length; i += 2) {
      values.put(keysAndValues[i], keysAndValues[i + 1]);
    }
    return new ModelLoader.Order(
        "m", "/m", TINY, CalmSettings.of(values, Map.of()), LmiOptions.DEFAULT, false);
  }

  /** The report of the model that answers meanwhile shows them. */
  @Test
  void theSettingsDuringTheSearchHaveTheirTexts() throws Exception {
    CalmSettings settings = order("calm.lm-head", "auto", "calm.group", "64").settings();
    Map<String, String> texts = WarmLoader.rounded(settings).texts();
    assertEquals(settings.texts().keySet(), texts.keySet());
    assertEquals("64", texts.get("calm.group"));
    assertEquals("rtn", texts.get("calm.algorithm"));
    assertEquals("int8", texts.get("calm.lm-head"));
  }

  private ServedModel load(ModelLoader.Loader loader, ModelLoader.Order order) {
    return new WarmLoader(registry, loader)
        .load(order, registry.loading("m", "/m"), moment -> {}, swapped::complete);
  }

  private ModelStatus.Ready status() {
    return (ModelStatus.Ready) registry.status("m").orElseThrow();
  }

  /** An answer that records its tokens. */
  private static final class Answer implements GenerationListener {
    private final List<Integer> tokens = new ArrayList<>();
    private final CountDownLatch begun = new CountDownLatch(1);
    private final CompletableFuture<Finish.Reason> end = new CompletableFuture<>();

    @Override
    public void token(GeneratedToken token) {
      tokens.add(token.score().id());
      begun.countDown();
    }

    @Override
    public void finished(Finish finish) {
      end.complete(finish.reason());
    }

    List<Integer> await() throws Exception {
      assertEquals(Finish.Reason.LENGTH, end.get(60, TimeUnit.SECONDS));
      return tokens;
    }
  }

  /** Text that no test reads. */
  private static final class NoText implements TextDecoder {
    @Override
    public String add(int token) {
      return "";
    }

    @Override
    public String flush() {
      return "";
    }
  }

  private static Answer ask(ServedModel model, int tokens) {
    Answer answer = new Answer();
    Generation unused =
        model
            .scheduler()
            .submit(
                new GenerationRequest(
                    model.tokenizer().encode("the kernel", true),
                    SamplingParameters.builder().temperature(0).maxNewTokens(tokens).build(),
                    Set.of(),
                    OptionalInt.empty(),
                    new NoText(),
                    answer,
                    Optional.empty()));
    return answer;
  }

  @Test
  void aStreamFinishesOnWhatItBeganWithAndALaterOneHasTheResultOfTheSearch() throws Exception {
    assertTimeoutPreemptively(
        PATIENCE,
        () -> {
          ServedModel first = load(new Held(), order());
          assertEquals("uniform-rtn", first.variant());
          assertTrue(registry.allReady());
          searching.await();
          assertTrue(status().search().orElseThrow() instanceof BackgroundSearch.Running);
          LatencyReport.Twin twin = first.latency().twin();
          assertEquals("auto", twin.setting());
          assertTrue(twin.reason().contains("result of the search"), twin.reason());
          assertEquals("one algorithm for all blocks: rtn", first.plan().reason());
          List<Integer> rounded = ask(first, 900).await();

          Answer stream = ask(first, 900);
          stream.begun.await();
          mayEnd.countDown();
          ServedModel next = swapped.get();
          assertEquals(rounded, stream.await(), "the stream across the swap");
          assertEquals("uniform-smoothquant", next.variant());
          assertEquals(next, status().model());
          assertTrue(status().search().isEmpty());
          assertEquals(first.scheduler().settings(), next.scheduler().settings());

          List<Integer> searched = ask(next, 900).await();
          assertNotEquals(rounded, searched, "the plans differ, so that the test shows something");
          registry.awaitUnloaded();
          assertTrue(first.scheduler().awaitClosed(Duration.ZERO), "its memory is freed");
          Predecessor before = status().predecessor().orElseThrow();
          assertEquals("uniform-rtn", before.variant());
          assertEquals(0, before.stats().blocks());
          long steps = before.stats().steps();
          assertTrue(steps >= 1800, "counters of two answers: " + steps);
          assertEquals(
              searched, ask(first.current(), 900).await(), "a request prepared for the old model");
          assertEquals(steps, before.stats().steps(), "they stay");
          assertEquals(steps + next.scheduler().stats().steps(), status().load().steps());
          assertFalse(first.current().scheduler().ended(), "another one answers for it");
        });
  }

  @Test
  void theResultHasTheBitsOfAColdSearchAndTheNextLoadNeedsNone(@TempDir Path cold)
      throws Exception {
    assertTimeoutPreemptively(
        PATIENCE,
        () -> {
          mayEnd.countDown();
          load(new Held(), order());
          ServedModel warm = swapped.get();
          registry.close();
          ServedModel again = load(new Held(), order());
          assertEquals(warm.variant(), again.variant(), "loaded without a search");
          assertTrue(status().search().isEmpty());
          ModelLoader.Order plain =
              order("calm.warm-start", "off", "calm.cache-dir", cold.toString());
          ModelLoader.load(plain, moment -> {}).close();
          Path made = only(cold.resolve("artifacts"));
          Path twin = cache.resolve("artifacts").resolve(made.getFileName());
          for (String file : List.of("blocks.bin", "tables.bin")) {
            assertEquals(-1, Files.mismatch(made.resolve(file), twin.resolve(file)), file);
          }
        });
  }

  @Test
  void aListenerThatFailsLeavesNoModelInMemory() {
    assertTimeoutPreemptively(
        PATIENCE,
        () -> {
          ServedModel first =
              new WarmLoader(registry, new Held())
                  .load(
                      order(),
                      registry.loading("m", "/m"),
                      moment -> {},
                      next -> {
                        throw new IllegalStateException("no thread");
                      });
          mayEnd.countDown();
          assertTrue(first.scheduler().awaitClosed(Duration.ofMinutes(1)));
          assertEquals("uniform-smoothquant", status().model().variant());
        });
  }

  private static Path only(Path directory) throws Exception {
    try (Stream<Path> all = Files.list(directory)) {
      List<Path> found = all.filter(path -> Files.exists(path.resolve("blocks.bin"))).toList();
      assertEquals(1, found.size(), found.toString());
      return found.get(0);
    }
  }

  @Test
  void aProcessThatEndsDuringTheSearchLeavesTheRoundedArtifactAndTheNextSearchesAgain()
      throws Exception {
    assertTimeoutPreemptively(
        PATIENCE,
        () -> {
          load(new Held(), order());
          searching.await();
          Path rounded = only(cache.resolve("artifacts"));
          registry.close(); // what is on disk is what a killed process leaves
          mayEnd.countDown();
          Held second = new Held();
          assertEquals("uniform-rtn", load(second, order()).variant());
          assertTrue(Files.exists(rounded.resolve("blocks.bin")));
          assertEquals("uniform-smoothquant", swapped.get().variant());
        });
  }

  @Test
  void aFailedSearchLeavesTheRoundedModelWithTheReason() throws Exception {
    assertTimeoutPreemptively(
        PATIENCE,
        () -> {
          ServedModel first =
              load(
                  new Held() {
                    @Override
                    public void search(ModelLoader.Order order, Consumer<Progress> progress) {
                      throw new NotEnoughMemoryException("memory: 3 MiB are missing");
                    }
                  },
                  order());
          Poll.until(
              "the search has ended",
              () -> !(status().search().orElseThrow() instanceof BackgroundSearch.Running));
          BackgroundSearch.Failed failed =
              (BackgroundSearch.Failed) status().search().orElseThrow();
          assertEquals(
              "memory: 3 MiB are missing; unregister the model and register it again to repeat the"
                  + " search",
              failed.reason());
          assertTrue(registry.allReady());
          ask(first, 5).await();
        });
  }

  @Test
  void unregisteringEndsTheSearchAndLeavesTheNameToAnother() throws Exception {
    assertTimeoutPreemptively(
        PATIENCE,
        () -> {
          ServedModel first = load(new Held(), order());
          searching.await();
          BackgroundSearch.Running search =
              (BackgroundSearch.Running) status().search().orElseThrow();
          assertTrue(registry.remove("m"));
          assertThrows(LoadCancelledException.class, search.progress()::requireWanted);
          registry.awaitUnloaded();
          assertThrows(RuntimeException.class, () -> ask(first, 1));
          assertTrue(registry.status("m").isEmpty());
          assertFalse(swapped.isDone());
        });
  }

  /** Asks as a client does, and waits for the whole answer. */
  private void request(ServedModel model) throws Exception {
    JsonObject body = new JsonObject();
    body.addProperty("prompt", "the kernel");
    body.addProperty("max_tokens", 3);
    CompletableFuture<Integer> answered = new CompletableFuture<>();
    PreparedReply.Running unused =
        text.prepare(model, Schema.COMPLETIONS, body, "").start(new Status(answered));
    assertEquals(200, answered.get(60, TimeUnit.SECONDS));
  }

  /** The status of an answer that is not streamed. */
  private record Status(CompletableFuture<Integer> status) implements ReplySink {
    @Override
    public void full(int code, String contentType, Map<String, String> headers, byte[] body) {
      status.complete(code);
    }

    @Override
    public void begin(String contentType, Map<String, String> headers) {
      status.complete(0);
    }

    @Override
    public void write(byte[] bytes) {
      status.complete(0);
    }

    @Override
    public void end() {
      status.complete(0);
    }
  }

  @Test
  void noRequestOfFourThreadsIsRefusedAtTheSwap() throws Exception {
    assertTimeoutPreemptively(
        PATIENCE,
        () -> {
          ServedModel first = load(new Held(), order());
          searching.await();
          AtomicBoolean done = new AtomicBoolean();
          ExecutorService clients = Executors.newFixedThreadPool(4);
          List<Future<Integer>> counts = new ArrayList<>();
          for (int client = 0; client < 4; client++) {
            boolean stale = client % 2 == 0; // holds the old model, like a prepared request
            counts.add(
                clients.submit(
                    () -> {
                      int answers = 0;
                      for (; !done.get(); answers++) {
                        request(stale ? first : status().model());
                      }
                      return answers;
                    }));
          }
          mayEnd.countDown();
          swapped.get();
          registry.awaitUnloaded();
          Thread.sleep(200);
          done.set(true);
          for (Future<Integer> count : counts) {
            assertTrue(count.get() > 0);
          }
          clients.shutdown();
        });
  }

  @Test
  void aModelThatNeedsNoSearchStartsAsUsual() throws Exception {
    ServedModel model = load(new Held(), order("calm.algorithm", "rtn"));
    assertEquals("uniform-rtn", model.variant());
    assertTrue(status().search().isEmpty());
  }
}
