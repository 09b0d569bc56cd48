package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.quantize.QuantizedModelStore;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.model.LmiOptions;
import io.calm.settings.CalmSettings;
import io.calm.testing.Repository;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * lm-evaluation-harness's {@code local-completions} against the host, and what it measured against
 * the same model asked without any of serving. {@code CALM_TEST_PYTHON} names a Python with {@code
 * lm-eval[api]} and {@code transformers}; {@code CALM_TEST_TASKS}, where it is set, a directory of
 * {@code TASK.jsonl.gz} with more questions than the test's own.
 */
class LmEvalHarnessTest {
  private static final Path TINY = Repository.path("models/calm-tiny-llama");
  private static final int QUESTIONS = 15;

  @TempDir Path directory;

  @Test
  void scoresAndGeneratesAsTheModelDoes() throws Exception {
    List<ChoiceQuestion> questions =
        ChoiceQuestion.read(System.getenv().getOrDefault("CALM_TEST_TASKS", ""), QUESTIONS);
    HarnessRun harness = new HarnessRun(directory, questions);
    CalmSettings settings =
        CalmSettings.of(
            Map.of(
                "calm.cache-dir", directory.resolve("cache").toString(), "calm.algorithm", "rtn"),
            Map.of());
    try (TestHost host = TestHost.start();
        Checkpoint checkpoint = Checkpoints.open(TINY)) {
      host.registry()
          .ready(
              ModelLoader.load(
                  new ModelLoader.Order(
                      "tiny", TINY.toString(), TINY, settings, LmiOptions.DEFAULT, false),
                  moment -> {}));
      harness.run(host.url(), "tiny", TINY);
      try (Decoder decoder =
          Decoders.open(
              new QuantizedModelStore(settings).get(checkpoint, moment -> {}).model(),
              settings.decoder().forDecoder(),
              Decoder.blocksFor(checkpoint.spec().maxContext()))) {
        SingleRequestModel model = new SingleRequestModel(decoder, checkpoint.tokenizer());
        requireSameScores(harness.answers("calm_choice"), questions, model);
        requireSameTexts(harness.answers("calm_generation"), questions, model);
      }
    }
  }

  private static void requireSameScores(
      List<List<JsonElement>> answers, List<ChoiceQuestion> questions, SingleRequestModel model) {
    assertEquals(questions.size(), answers.size());
    for (int i = 0; i < answers.size(); i++) {
      ChoiceQuestion question = questions.get(i);
      assertEquals(question.choices().size(), answers.get(i).size());
      for (int c = 0; c < question.choices().size(); c++) {
        JsonArray measured = answers.get(i).get(c).getAsJsonArray();
        SingleRequestModel.Score score =
            model.score(question.query(), " " + question.choices().get(c));
        String name = question.query() + " " + question.choices().get(c);
        assertEquals(score.logprob(), measured.get(0).getAsDouble(), 1e-4, name);
        assertEquals(score.greedy(), measured.get(1).getAsString().equals("True"), name);
      }
    }
  }

  private static void requireSameTexts(
      List<List<JsonElement>> answers, List<ChoiceQuestion> questions, SingleRequestModel model) {
    assertEquals(questions.size(), answers.size());
    for (int i = 0; i < answers.size(); i++) {
      String query = questions.get(i).query();
      assertEquals(
          model.greedy(query, HarnessRun.TOKENS, List.of("e", ".")),
          answers.get(i).get(0).getAsString(),
          query);
    }
  }
}
