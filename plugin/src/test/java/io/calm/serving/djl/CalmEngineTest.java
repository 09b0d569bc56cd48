package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.Model;
import ai.djl.engine.Engine;
import ai.djl.engine.EngineException;
import ai.djl.inference.Predictor;
import ai.djl.modality.Input;
import ai.djl.modality.Output;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.serving.wlm.util.WlmOutOfMemoryException;
import io.calm.checkpoint.CheckpointException;
import io.calm.generate.Scheduler;
import io.calm.metrics.CalmMetrics;
import io.calm.quantize.QuantizeException;
import io.calm.search.Progress;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ModelStatus;
import io.calm.serving.model.ServedModel;
import io.calm.testing.Poll;
import io.prometheus.client.CollectorRegistry;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.InstantSource;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The engine as any user of DJL meets it: criteria, model, predictor. */
class CalmEngineTest {
  private static final ModelRegistry registry = new ModelRegistry();
  private static final Semaphore steps = new Semaphore(0);

  static {
    TextService text =
        new TextService(new CalmMetrics(new CollectorRegistry(), List::of), InstantSource.system());
    Engine.registerEngine(
        new CalmEngineProvider(registry, CalmEngineTest::loaded, text, () -> 418));
  }

  private static final String TWO_TOKENS =
      "{\"inputs\":\"abc\",\"parameters\":{\"max_new_tokens\":2}}";

  private final Path directory;

  CalmEngineTest(@TempDir Path directory) {
    this.directory = directory;
  }

  private static ServedModel loaded(ModelLoader.Order order, Consumer<Progress> progress) {
    progress.accept(new Progress.Step(Progress.Kind.OPENING));
    if (order.checkpoint().endsWith("broken")) {
      throw new CheckpointException("config.json: hidden_size: expected a number, got none");
    }
    if (order.checkpoint().endsWith("huge")) {
      throw new QuantizeException(
          QuantizeException.Kind.NOT_ENOUGH_MEMORY,
          "start it with -XX:MaxDirectMemorySize=8g",
          new OutOfMemoryError("direct memory"));
    }
    if (order.checkpoint().endsWith("heap")) {
      throw new OutOfMemoryError("Java heap space");
    }
    if (order.checkpoint().endsWith("unregistered")) {
      registry.remove(order.name());
      throw new IllegalStateException("stopped within a step, not at its report");
    }
    return CountingModel.of(order, steps);
  }

  @AfterEach
  void release() throws InterruptedException {
    registry.close();
    steps.release(10_000); // for the requests of models that were closed
    registry.awaitUnloaded();
    steps.drainPermits();
  }

  @Test
  void answersWholeAndStreamed() throws Exception {
    steps.release(1000);
    try (ZooModel<Input, Output> model = load("");
        Predictor<Input, Output> predictor = model.newPredictor()) {
      Output whole =
          predict(predictor, "{\"inputs\":\"abc\",\"parameters\":{\"max_new_tokens\":3}}");
      assertEquals(200, whole.getCode());
      assertEquals("application/json", whole.getProperty("Content-Type", ""));
      assertEquals("{\"generated_text\":\"def\"}", read(whole).strip());

      Output streamed =
          predict(
              predictor,
              "{\"inputs\":\"abc\",\"stream\":true,\"parameters\":{\"max_new_tokens\":3}}");
      assertEquals("application/jsonlines", streamed.getProperty("Content-Type", ""));
      assertEquals(3, read(streamed).lines().count());
    }
  }

  @Test
  void aBadRequestIsAnOutputWithItsCodeAndNoException() throws Exception {
    steps.release(1000);
    try (ZooModel<Input, Output> model = load("");
        Predictor<Input, Output> predictor = model.newPredictor()) {
      for (String body : List.of("", "no json", "[]", "{}", "{\"inputs\":7}")) {
        Output output = predict(predictor, body);
        assertEquals(400, output.getCode(), body);
        assertTrue(output.getAsString(0).startsWith("{\"code\":400,"), output.getAsString(0));
      }
      assertEquals(200, predict(predictor, "{\"inputs\":\"abc\"}").getCode());
    }
  }

  @Test
  void aWorkerHoldsARequestUntilItsAnswerHasBegun() throws Exception {
    try (ZooModel<Input, Output> model = load("");
        Predictor<Input, Output> predictor = model.newPredictor()) {
      CompletableFuture<Output> streamed =
          predictLater(predictor, input("{\"inputs\":\"abc\",\"stream\":true}"));
      awaitRequests(1); // it is in the first step, whether or not the other one is
      CompletableFuture<Output> whole = predictLater(predictor, input(TWO_TOKENS));
      awaitRequests(2);
      assertFalse(whole.isDone() || streamed.isDone(), "no step was made");

      steps.release(1);
      assertEquals(200, streamed.get(1, TimeUnit.MINUTES).getCode());
      assertFalse(whole.isDone(), "one token of two is there");

      steps.release(1000);
      assertEquals("{\"generated_text\":\"de\"}", read(whole.get(1, TimeUnit.MINUTES)).strip());
      assertEquals(30, read(streamed.get()).lines().count());
    }
  }

  @Test
  void oneThatIsTooManyHasTheServersOwnStatus() throws Exception {
    try (ZooModel<Input, Output> model = load("calm.max-running=1\ncalm.queue-size=1\n");
        Predictor<Input, Output> predictor = model.newPredictor()) {
      CompletableFuture<Output> first = predictLater(predictor, input(TWO_TOKENS));
      awaitRequests(1);
      CompletableFuture<Output> second = predictLater(predictor, input(TWO_TOKENS));
      awaitRequests(2);

      Output third = predict(predictor, TWO_TOKENS);

      assertEquals(418, third.getCode());
      assertEquals("1", third.getProperty("Retry-After", ""));
      assertTrue(read(third).startsWith("{\"code\":418,"), read(third));
      steps.release(1000);
      assertEquals(200, first.get(1, TimeUnit.MINUTES).getCode());
      assertEquals(200, second.get(1, TimeUnit.MINUTES).getCode());
    }
  }

  @Test
  void aClientThatIsGoneWhileItsWorkerHoldsIsCancelled() throws Exception {
    try (ZooModel<Input, Output> model = load("");
        Predictor<Input, Output> predictor = model.newPredictor()) {
      Input input = input("{\"inputs\":\"abc\",\"parameters\":{\"max_new_tokens\":200}}");
      CompletableFuture<Output> held = predictLater(predictor, input);
      awaitRequests(1);

      input.setCancelled(true);
      while (!held.isDone()) {
        steps.release(1); // a cancelled generation ends between two steps
        TimeUnit.MILLISECONDS.sleep(5);
      }

      assertEquals(503, held.get().getCode());
      awaitRequests(0);
    }
  }

  @Test
  void aFailureOfTheEngineIsAnOutputWithItsCode() throws Exception {
    try (ZooModel<Input, Output> model = load("");
        Predictor<Input, Output> predictor = model.newPredictor()) {
      CountingModel.failNextStep();
      steps.release(1000);
      Output failed = predict(predictor, TWO_TOKENS);
      assertEquals(500, failed.getCode());
      assertEquals("{\"generated_text\":\"de\"}", read(predict(predictor, TWO_TOKENS)).strip());
    }
  }

  @Test
  void closingTheModelForgetsItsNameAndLetsItsRequestsEnd() throws Exception {
    steps.release(1);
    ZooModel<Input, Output> model = load("");
    Output running = predict(model.newPredictor(), "{\"inputs\":\"abc\",\"stream\":true}");
    assertTrue(registry.allReady());

    model.close();
    steps.release(1000);

    assertTrue(registry.all().isEmpty());
    String whole = read(running);
    assertFalse(whole.contains("\"code\":503"), whole);
    assertTrue(whole.contains("\"generated_text\":\"def"), "the open stream ends: " + whole);
  }

  @Test
  void aBadSettingIsMalformedAndItsReasonIsKept() throws IOException {
    MalformedModelException refused =
        assertThrows(MalformedModelException.class, () -> load("calm.group=7\n"));

    assertTrue(String.valueOf(refused.getMessage()).contains("calm.group: expected auto"));
    assertTrue(failure().startsWith("calm.group: expected auto"), failure());
  }

  @Test
  void aBadCheckpointIsMalformed() throws IOException {
    Files.createDirectory(directory.resolve("broken"));
    assertThrows(MalformedModelException.class, () -> load("option.model_id=broken\n"));
    assertTrue(failure().startsWith("config.json: hidden_size"), failure());
  }

  @Test
  void tooLittleMemoryIsDjlServingsOwnException() throws IOException {
    Files.createDirectory(directory.resolve("huge"));
    assertThrows(WlmOutOfMemoryException.class, () -> load("option.model_id=huge\n"));
    assertEquals("start it with -XX:MaxDirectMemorySize=8g", failure());

    Files.createDirectory(directory.resolve("heap"));
    assertThrows(WlmOutOfMemoryException.class, () -> load("option.model_id=heap\n"));
    assertEquals("Java heap space", failure());
  }

  @Test
  void aModelThatIsUnregisteredMeanwhileIsAConflictWhateverEndsItsLoad() throws IOException {
    Files.createDirectory(directory.resolve("unregistered"));
    IllegalArgumentException refused =
        assertThrows(IllegalArgumentException.class, () -> load("option.model_id=unregistered\n"));
    assertEquals(
        "counting: the model was unregistered while it was being loaded", refused.getMessage());
    assertTrue(registry.status("counting").isEmpty());
  }

  @Test
  void aMissingCheckpointIsNotFound() {
    assertThrows(NoSuchElementException.class, () -> load("option.model_id=org/model\n"));
    assertTrue(failure().contains(directory.resolve("org/model").toString()), failure());
  }

  @Test
  void aTakenNameIsAConflictAndLeavesTheFirstModelAlone() throws Exception {
    try (ZooModel<Input, Output> first = load("")) {
      assertThrows(IllegalArgumentException.class, () -> load(""));
      assertTrue(registry.allReady());
      assertEquals(1, registry.all().size(), first.getName());
    }
  }

  @Test
  void aServerThatStopsIsNoConflict() throws Exception {
    ModelRegistry stopping = new ModelRegistry();
    stopping.drain();
    TextService text =
        new TextService(new CalmMetrics(new CollectorRegistry(), List::of), InstantSource.system());
    Engine engine =
        new CalmEngineProvider(stopping, CalmEngineTest::loaded, text, () -> 418).getEngine();
    try (Model model = engine.newModel("late", Device.cpu())) {
      EngineException refused = assertThrows(EngineException.class, () -> model.load(directory));
      assertEquals("model late cannot be loaded: the server is stopping", refused.getMessage());
    }
  }

  private ZooModel<Input, Output> load(String properties) throws Exception {
    Files.writeString(directory.resolve("model.properties"), "calm.enabled=true\n" + properties);
    return Criteria.builder()
        .setTypes(Input.class, Output.class)
        .optModelPath(directory)
        .optModelName("counting")
        .optEngine(CalmEngine.NAME)
        .build()
        .loadModel();
  }

  private static String failure() {
    return assertInstanceOf(ModelStatus.Failed.class, registry.status("counting").orElseThrow())
        .reason();
  }

  private static CompletableFuture<Output> predictLater(
      Predictor<Input, Output> predictor, Input input) {
    CompletableFuture<Output> output = new CompletableFuture<>();
    Thread worker =
        new Thread(
            () -> output.complete(((CalmPredictor) predictor).batchPredict(List.of(input)).get(0)));
    worker.setDaemon(true);
    worker.start();
    return output;
  }

  /** Waits until so many requests wait or run. */
  private static void awaitRequests(int count) throws Exception {
    ModelStatus.Ready ready =
        assertInstanceOf(ModelStatus.Ready.class, registry.status("counting").orElseThrow());
    Scheduler scheduler = ready.model().scheduler();
    Poll.until(
        count + " requests wait or run", () -> scheduler.waiting() + scheduler.running() == count);
  }

  private static Output predict(Predictor<Input, Output> predictor, String body) {
    return ((CalmPredictor) predictor).batchPredict(List.of(input(body))).get(0);
  }

  private static Input input(String body) {
    Input input = new Input();
    input.add("data", CountingModel.body(body));
    return input;
  }

  private static String read(Output output) throws Exception {
    if (!(output.getData() instanceof BufferedPublisher publisher)) {
      return new String(output.getData().getAsBytes(), StandardCharsets.UTF_8);
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    publisher
        .subscribe(
            data -> {
              if (data != null) {
                bytes.writeBytes(data);
              }
            })
        .get(1, TimeUnit.MINUTES);
    return bytes.toString(StandardCharsets.UTF_8);
  }
}
