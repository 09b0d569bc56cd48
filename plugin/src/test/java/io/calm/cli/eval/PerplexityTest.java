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

/** The tokens that perplexity counts, and the requests refused before anything runs. */
class PerplexityTest {
  private static final int[] TEXT = IntStream.range(0, 100).toArray();

  /** A model that gives every token of a vocabulary the same chance. */
  private record Uniform(int vocabulary) implements LogitSource {
    @Override
    public void run(int[] window, Rows rows) {
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
