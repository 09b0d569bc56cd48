package io.calm.cli.eval;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.Checkpoints;
import io.calm.testing.Repository;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tests the sums, the standard errors, and the requests that are refused before anything runs. */
class PerplexityTest {
  private static final int[] TEXT = IntStream.range(0, 100).toArray();

  /** A model that gives every token of a vocabulary the same chance. */
  private record Uniform(int vocabulary) implements LogitSource {
    @Override
    public void run(int[] window, RowConsumer rows) {
      for (int t = 0; t < window.length; t++) {
        rows.row(t, new float[vocabulary]);
      }
    }

    @Override
    public void close() {
      // nothing is held
    }
  }

  @Test
  void aModelThatKnowsNothingHasThePerplexityOfItsVocabulary() {
    List<int[]> windows = Perplexity.windows(TEXT, 4, 25, 25);
    assertArrayEquals(IntStream.range(75, 100).toArray(), windows.get(3));
    Perplexity result = Perplexity.measure(new Uniform(200), windows, done -> {});
    assertEquals(200, result.value(), 1e-9);
    assertEquals(4 * 24, result.tokens(), "all but the first of each window");
    assertEquals(4, result.windows());
    assertEquals(0, result.standardError(), 1e-9, "all windows are alike");
  }

  @Test
  void theStandardErrorIsThatOfTheWindowsMeans() {
    Perplexity result = new Perplexity(List.of(1.0, 2.0, 3.0, 6.0), 100);
    assertEquals(3, result.nll().mean(), 1e-12);
    // deviations -2, -1, 0, 3: variance 14 / 3, of the mean 14 / 12
    assertEquals(Math.sqrt(14.0 / 12), result.nll().standardError(), 1e-12);
    assertEquals(Math.exp(3) * Math.sqrt(14.0 / 12), result.standardError(), 1e-9);
  }

  @Test
  void aDifferenceIsPairedWindowByWindow() {
    Perplexity better = new Perplexity(List.of(1.0, 5.0, 9.0), 30);
    Perplexity worse = new Perplexity(List.of(1.1, 5.1, 9.4), 30);
    Perplexity.Estimate difference = worse.minus(better);
    assertEquals(0.2, difference.mean(), 1e-12);
    assertEquals(0.1, difference.standardError(), 1e-12, "0.1, 0.1 and 0.4 about 0.2");
    assertThrows(
        IllegalArgumentException.class, () -> worse.minus(new Perplexity(List.of(1.0), 30)));
  }

  @Test
  void oneWindowHasNoStandardError() {
    assertTrue(Double.isNaN(new Perplexity(List.of(1.0), 10).standardError()));
    assertThrows(IllegalArgumentException.class, () -> new Perplexity(List.of(), 0));
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 1, 26})
  void aLengthOutsideTheContextIsRefused(int length) {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> Perplexity.windows(TEXT, 1, length, 25));
    assertEquals(
        "--length: expected 2 to 25, the model's context, got %d; give shorter windows"
            .formatted(length),
        e.getMessage());
  }

  @Test
  void moreWindowsThanTheTextHasAreRefused() {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> Perplexity.windows(TEXT, 5, 25, 25));
    assertTrue(e.getMessage().contains("1 to 4 windows"), e.getMessage());
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
