package io.calm.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class PromptLookupTest {
  private static PromptLookup of(int answerFrom, int... tokens) {
    PromptLookup lookup = new PromptLookup(answerFrom);
    lookup.add(tokens, tokens.length);
    return lookup;
  }

  @Test
  void withoutAMatchNothingIsLikely() {
    assertEquals(0, of(1, 5).probability(0));
    assertEquals(0, of(1, 5, 6, 7).probability(0));
  }

  @Test
  void predictsWhatFollowedTheMatch() {
    int[] tokens = {1, 2, 3, 4, 5, 9, 1, 2, 3};
    PromptLookup lookup = of(6, tokens);
    assertEquals(4, lookup.predict(tokens, 0));
    assertEquals(5, lookup.predict(tokens, 1));
    assertEquals(9, lookup.predict(tokens, 2));
    assertTrue(lookup.probability(0) > 0);
    assertTrue(
        lookup.probability(3) > lookup.probability(0), "longer matches are right more often");
  }

  @Test
  void aCopyOfItsOwnEndingGoesRoundAndRound() {
    int[] tokens = {7, 1, 2, 1, 2, 1, 2};
    PromptLookup lookup = of(1, tokens);
    int[] predicted = IntStream.range(0, 5).map(i -> lookup.predict(tokens, i)).toArray();
    assertEquals("[1, 2, 1, 2, 1]", Arrays.toString(predicted));
  }

  @Test
  void theProbabilityFollowsTheAnswerAndNotThePrompt() {
    int[] copy = new int[400];
    Arrays.setAll(copy, i -> i % 40);
    double prior = of(400, copy).probability(0);
    assertTrue(of(40, copy).probability(0) > prior);
    assertTrue(of(40, copy).probability(0) > 0.9);

    // Pairs come back, and something else follows each time.
    SplittableRandom random = new SplittableRandom(3);
    int[] pairs = new int[401]; // ends with a pair
    Arrays.setAll(pairs, i -> i % 3 < 2 ? i % 3 : 10 + random.nextInt(100_000));
    double wrong = of(10, pairs).probability(0);
    assertTrue(wrong > 0 && wrong < 0.1, "got " + wrong);
  }
}
