package io.calm.cli.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.testing.Repository;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PerplexityTest {

  /** Returns scores of windows of 10 tokens with these mean NLLs. */
  private static Perplexity of(double... means) {
    return new Perplexity(
        Arrays.stream(means).mapToObj(mean -> new BranchScore(10, 10 * mean, 0, mean, 5)).toList(),
        true);
  }

  @Test
  void aModelThatKnowsNothingHasThePerplexityOfItsVocabulary() {
    TextWindows cut =
        TextWindows.cut("text", IntStream.range(0, 100).toArray(), OptionalInt.of(4), 25, 25);
    ToyModel uniform = new ToyModel(200, tokens -> new float[200]);
    try (Scorer scorer = new Scorer(List.of(uniform), OptionalInt.empty(), 2)) {
      List<BranchScore> windows =
          scorer.score(cut.prompts(), done -> {}).get(0).stream().map(w -> w.get(0)).toList();
      Perplexity result = new Perplexity(windows, false);
      assertEquals(200, result.perplexity().mean(), 1e-9);
      assertEquals(4 * 24, result.tokens(), "all but the first of each window");
      assertEquals(0, result.perplexity().standardError(), 1e-9, "all windows are alike");
      assertTrue(result.kl().isEmpty());
      assertTrue(result.agreement().isEmpty());
    }
  }

  @Test
  void theErrorOfThePerplexityIsToFirstOrder() {
    Perplexity result = of(1, 2, 3, 6);
    assertEquals(3, result.nll().mean(), 1e-12);
    assertEquals(Math.exp(3), result.perplexity().mean(), 1e-9);
    assertEquals(Math.exp(3) * Math.sqrt(14.0 / 12), result.perplexity().standardError(), 1e-9);
    assertEquals(40, result.tokens());
    assertEquals(0.3, result.kl().orElseThrow().mean(), 1e-12);
    assertEquals(0.5, result.agreement().orElseThrow().mean(), 1e-12);
  }

  @Test
  void aDifferenceIsPairedWindowByWindow() {
    Perplexity.Difference difference = of(1.1, 5.1, 9.4).minus(of(1, 5, 9));
    assertEquals(0.2, difference.nll().mean(), 1e-12);
    assertEquals(0.1, difference.nll().standardError(), 1e-12);
    assertEquals(Math.exp(0.2) - 1, difference.relativePerplexity().mean(), 1e-12);
    assertEquals(0.1 * Math.exp(0.2), difference.relativePerplexity().standardError(), 1e-12);
    assertEquals(0.02, difference.kl().orElseThrow().mean(), 1e-12);
    assertEquals(0, difference.agreement().orElseThrow().mean(), 1e-12);
    assertThrows(IllegalArgumentException.class, () -> of(1.0, 2.0).minus(of(1.0)));
    assertThrows(IllegalArgumentException.class, () -> new Perplexity(List.of(), false));
  }

  @Test
  void theReferenceRefusesASequenceAboveTheContext() {
    try (Checkpoint checkpoint = Checkpoints.open(Repository.path("models/calm-tiny-llama"));
        ReferenceLogits reference = new ReferenceLogits(checkpoint, 1)) {
      int context = checkpoint.spec().maxContext();
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class,
              () -> reference.run(new int[context + 1], (position, logits) -> {}));
      assertTrue(e.getMessage().contains("at most %d tokens".formatted(context)), e.getMessage());
    }
  }
}
