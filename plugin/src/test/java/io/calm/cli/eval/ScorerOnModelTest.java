package io.calm.cli.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.cli.eval.ScoredPrompt.Branch;
import io.calm.model.QuantizedModel;
import io.calm.quantize.QuantizedModelStore;
import io.calm.runtime.Decoders;
import io.calm.settings.CalmSettings;
import io.calm.testing.Repository;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Scores of a real decoder and the full-precision model do not depend on the steps. */
class ScorerOnModelTest {
  private static final Path TINY = Repository.path("models/calm-tiny-llama");
  private static final int LONG = 150;

  @TempDir Path cache;

  private static List<ScoredPrompt> prompts(int vocabulary) {
    Random random = new Random(3);
    List<ScoredPrompt> prompts = new ArrayList<>();
    for (int p = 0; p < 6; p++) {
      int[] prefix = random.ints(p % 2 * 70L, 0, vocabulary).toArray();
      int length = p < 4 ? LONG : 5;
      List<Branch> branches =
          IntStream.rangeClosed(0, p % 3)
              .mapToObj(
                  b ->
                      new Branch(
                          random.ints(length + b, 0, vocabulary).toArray(),
                          random.ints(length + b, 0, vocabulary).toArray()))
              .toList();
      prompts.add(new ScoredPrompt(prefix, branches));
    }
    return prompts;
  }

  /** Runs decoders of {@code kvType} and, if {@code compare}, the full-precision model. */
  private List<List<List<BranchScore>>> score(
      Checkpoint checkpoint,
      QuantizedModel model,
      String kv,
      boolean compare,
      int threads,
      int rows) {
    CalmSettings settings = CalmSettings.of(Map.of("calm.kv-cache", kv), Map.of());
    List<ScoredPrompt> prompts = prompts(checkpoint.spec().vocabulary());
    List<LogitSource> models = new ArrayList<>();
    try {
      models.add(
          new DecoderLogits(
              Decoders.open(
                  model, settings.decoder().forDecoder(), DecoderLogits.blocksFor(1024))));
      if (compare) {
        models.add(new ReferenceLogits(checkpoint, 2));
      }
      OptionalInt reference = compare ? OptionalInt.of(1) : OptionalInt.empty();
      try (Scorer scorer = new Scorer(models, reference, threads, rows)) {
        return scorer.score(prompts, done -> {});
      }
    } finally {
      models.forEach(LogitSource::close);
    }
  }

  @Test
  void theDivisionIntoStepsChangesNoBit() {
    CalmSettings settings =
        CalmSettings.of(
            Map.of(
                "calm.cache-dir", cache.toString(),
                "calm.algorithm", "rtn",
                "calm.lm-head", "int8",
                "calm.group", "64"),
            Map.of());
    try (Checkpoint checkpoint = Checkpoints.open(TINY)) {
      QuantizedModel model =
          new QuantizedModelStore(settings).get(checkpoint, moment -> {}).model();
      for (String kv : List.of("float16", "int8")) {
        List<List<List<BranchScore>>> scores = score(checkpoint, model, kv, false, 1, 64);
        assertEquals(scores, score(checkpoint, model, kv, false, 3, 7));
        assertEquals(scores, score(checkpoint, model, kv, false, 2, 1000));
      }
      List<List<List<BranchScore>>> compared = score(checkpoint, model, "float16", true, 1, 64);
      assertEquals(compared, score(checkpoint, model, "float16", true, 3, 128));
      BranchScore quantized = compared.get(0).get(0).get(0);
      assertTrue(quantized.meanKl() > 1e-5 && quantized.meanKl() < 0.5, "" + quantized);
      assertEquals(0.0, compared.get(1).get(0).get(0).kl());
      assertEquals(LONG, compared.get(1).get(0).get(0).agreements());
    }
  }
}
