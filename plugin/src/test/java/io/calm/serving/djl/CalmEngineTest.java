package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.MalformedModelException;
import ai.djl.engine.Engine;
import ai.djl.inference.Predictor;
import ai.djl.modality.Input;
import ai.djl.modality.Output;
import ai.djl.repository.zoo.Criteria;
import ai.djl.repository.zoo.ZooModel;
import ai.djl.serving.wlm.util.WlmOutOfMemoryException;
import io.calm.checkpoint.CheckpointException;
import io.calm.metrics.CalmMetrics;
import io.calm.serving.ModelRegistry;
import io.calm.serving.ModelStatus;
import io.calm.serving.load.NotEnoughMemoryException;
import io.calm.serving.text.TextService;
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
    Engine.registerEngine(new CalmEngineProvider(registry, CalmEngineTest::loaded, text));
  }

  private final Path directory;

  CalmEngineTest(@TempDir Path directory) {
    this.directory = directory;
  }

  private static io.calm.serving.ServedModel loaded(LoadModel.Order order) {
    if (order.checkpoint().endsWith("broken")) {
      throw new CheckpointException("config.json: hidden_size: expected a number, got none");
    }
    if (order.checkpoint().endsWith("huge")) {
      throw new NotEnoughMemoryException(
          "start it with -XX:MaxDirectMemorySize=8g", new OutOfMemoryError("direct memory"));
    }
    if (order.checkpoint().endsWith("heap")) {
      throw new OutOfMemoryError("Java heap space");
    }
    return CountingModel.of(order, steps);
  }

  @AfterEach
  void release() {
    steps.drainPermits();
    registry.close();
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
  void blocksTheWorkerWhileAsManyWaitAsCanRun() throws Exception {
    try (ZooModel<Input, Output> model = load("calm.max-running=1\n");
        Predictor<Input, Output> predictor = model.newPredictor()) {
      String body = "{\"inputs\":\"abc\",\"parameters\":{\"max_new_tokens\":2}}";
      Output first = predict(predictor, body);
      Output second = predict(predictor, body);
      CompletableFuture<Output> third = new CompletableFuture<>();
      Thread worker = new Thread(() -> third.complete(predict(predictor, body)));
      worker.start();
      while (worker.getState() != Thread.State.TIMED_WAITING && worker.isAlive()) {
        Thread.onSpinWait();
      }
      assertFalse(third.isDone(), "one runs, one waits: the worker must wait with the third");

      steps.release(1000);
      for (Output output : List.of(first, second, third.get(1, TimeUnit.MINUTES))) {
        assertEquals("{\"generated_text\":\"de\"}", read(output).strip());
      }
    }
  }

  @Test
  void closingTheModelEndsItsRequestsAndForgetsItsName() throws Exception {
    ZooModel<Input, Output> model = load("");
    Output running = predict(model.newPredictor(), "{\"inputs\":\"abc\",\"stream\":true}");
    assertTrue(registry.allReady());

    model.close();
    steps.release(1000);

    assertTrue(registry.all().isEmpty());
    assertTrue(read(running).contains("\"code\":503"), "the open stream says why it ended");
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

  private static Output predict(Predictor<Input, Output> predictor, String body) {
    Input input = new Input();
    input.add("data", CountingModel.body(body));
    return ((CalmPredictor) predictor).batchPredict(List.of(input)).get(0);
  }

  private static String read(Output output) throws Exception {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ((BufferedPublisher) output.getData())
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
