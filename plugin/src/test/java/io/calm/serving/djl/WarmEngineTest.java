package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.Model;
import ai.djl.inference.Predictor;
import ai.djl.modality.Input;
import ai.djl.modality.Output;
import ai.djl.translate.NoopServingTranslatorFactory;
import ai.djl.translate.Translator;
import io.calm.metrics.CalmMetrics;
import io.calm.search.Progress;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.http.ModelStates;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ModelStatus;
import io.calm.serving.model.ServedModel;
import io.calm.testing.Latches;
import io.calm.testing.Poll;
import io.calm.testing.Repository;
import io.prometheus.client.CollectorRegistry;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A predictor of DJL whose model is replaced when its search is done. */
class WarmEngineTest {
  private static final String BODY =
      "{\"inputs\":\"The kernel\",\"parameters\":{\"max_new_tokens\":300,\"ignore_eos_token\":true}}";

  @TempDir Path directory;

  private final ModelRegistry registry = new ModelRegistry();
  private final CountDownLatch mayEnd = new CountDownLatch(1);

  private final ModelLoader.Loader loader =
      new ModelLoader.Loader() {
        @Override
        public ServedModel load(ModelLoader.Order order, Consumer<Progress> progress) {
          return ModelLoader.load(order, progress);
        }

        @Override
        public void search(ModelLoader.Order order, Consumer<Progress> progress) {
          Latches.await(mayEnd);
          ModelLoader.Loader.super.search(order, progress);
        }
      };

  @Test
  void aPredictorAnswersWithTheModelThatReplacesItsOwn() throws Exception {
    assertTimeoutPreemptively(Duration.ofMinutes(3), this::answersAcrossTheSwap);
  }

  private void answersAcrossTheSwap() throws Exception {
    Path text = directory.resolve("text.txt");
    Files.writeString(text, "the kernel reads the package index and writes a log\n".repeat(400));
    Files.writeString(
        directory.resolve("model.properties"),
        String.join(
            "\n",
            "calm.enabled=true",
            "calm.warm-start=rtn",
            "calm.algorithm=smoothquant",
            "calm.tokenizer-probe=off",
            "calm.kv-budget-mb=8",
            "calm.calibration=" + text,
            "calm.calibration.samples=4",
            "calm.calibration.length=48",
            "calm.cache-dir=" + directory.resolve("cache"),
            "option.model_id=" + Repository.path("models/calm-tiny-llama")));
    CalmMetrics metrics = new CalmMetrics(new CollectorRegistry(), () -> ModelStates.of(registry));
    CalmEngine engine =
        new CalmEngine(
            registry, loader, new TextService(metrics, InstantSource.system()), () -> 429);
    try (Model model = engine.newModel("warm", null)) {
      model.load(directory, null, Map.of());
      Translator<Input, Output> translator =
          new NoopServingTranslatorFactory()
              .newInstance(Input.class, Output.class, model, Map.of());
      try (Predictor<Input, Output> predictor = model.newPredictor(translator)) {
        String rounded = answer(predictor);
        assertEquals("uniform-rtn", status().model().variant());
        assertTrue(scrape(metrics).contains("calm_search_elapsed_seconds{"), "a search is shown");
        mayEnd.countDown();
        Poll.until("no search runs", () -> status().search().isEmpty());
        assertEquals("uniform-smoothquant", status().model().variant());
        assertNotEquals(rounded, answer(predictor), "the same predictor, the other model");
        assertTrue(!scrape(metrics).contains("calm_search_elapsed_seconds{"), "no search is left");
      }
    }
    assertTrue(registry.all().isEmpty(), "the model that replaced the first is removed");
    registry.awaitUnloaded();
  }

  private static String scrape(CalmMetrics metrics) {
    return metrics.text(CalmMetrics.contentType(""));
  }

  private ModelStatus.Ready status() {
    return (ModelStatus.Ready) registry.status("warm").orElseThrow();
  }

  private static String answer(Predictor<Input, Output> predictor) throws Exception {
    Input input = new Input();
    input.add(BODY.getBytes(StandardCharsets.UTF_8));
    Output output = predictor.predict(input);
    String text = output.getData().getAsString();
    assertEquals(200, output.getCode(), text);
    return text;
  }
}
