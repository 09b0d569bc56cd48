package io.calm.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Seeds;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class NgramIndexTest {
  private static NgramIndex of(int... tokens) {
    NgramIndex index = new NgramIndex();
    for (int i = 0; i < tokens.length; i++) {
      index.add(tokens);
    }
    assertEquals(tokens.length, index.size());
    return index;
  }

  private static void assertPredicts(int next, int matched, NgramIndex index) {
    assertTrue(index.found());
    assertEquals(next, index.next());
    assertEquals(matched, index.matched());
  }

  @Test
  void shortSequencesHaveNoPrediction() {
    assertFalse(of().found());
    assertFalse(of(1).found());
    assertFalse(of(1, 2).found());
    assertFalse(of(1, 2, 1).found(), "one equal token is no match");
  }

  @Test
  void theMostRecentOccurrenceCounts() {
    assertPredicts(6, 2, of(1, 2, 3, 0, 1, 2, 4, 5, 1, 2));
  }

  @Test
  void aLongerOccurrenceCountsMoreThanARecentOne() {
    assertPredicts(4, 4, of(7, 1, 2, 3, 9, 0, 2, 3, 8, 7, 1, 2, 3));
  }

  @Test
  void aCopyStaysWithItsSource() {
    // After 5 6 the recent 5 6 8 would count, but the copy began at 3 4.
    assertPredicts(5, 5, of(3, 4, 2, 5, 6, 7, 0, 0, 5, 6, 8, 3, 4, 2, 5, 6));
  }

  @Test
  void aWrongPredictionEndsTheCopy() {
    assertFalse(of(1, 2, 3, 4, 0, 1, 2, 9).found());
    assertPredicts(5, 2, of(1, 2, 3, 4, 9, 5, 1, 2, 4, 9));
  }

  @Test
  void aSequenceOfOneTokenPredictsItself() {
    assertPredicts(2, 2, of(7, 7, 7));
    assertPredicts(3, 3, of(7, 7, 7, 7));
  }

  /** Whatever grew and collided: a prediction follows an equal ending, and is never missed. */
  @Test
  void everyPredictionFollowsAnEqualEnding() {
    long seed = Seeds.next();
    SplittableRandom random = new SplittableRandom(seed);
    for (int vocabulary : new int[] {2, 5, 40, 1000}) {
      int[] tokens = random.ints(3000, 0, vocabulary).toArray();
      System.arraycopy(tokens, 100, tokens, 2000, 500);
      NgramIndex index = new NgramIndex();
      for (int size = 1; size <= tokens.length; size++) {
        index.add(tokens);
        String where = "seed %d, vocabulary %d, size %d".formatted(seed, vocabulary, size);
        if (index.found()) {
          assertTrue(index.next() > 0 && index.next() < size, where);
          assertEquals(common(tokens, index.next(), size), index.matched(), where);
          assertTrue(index.matched() >= NgramIndex.MIN, where);
        }
        if (size > 2030 && size < 2500) {
          assertTrue(index.matched() >= NgramIndex.MAX, where + ": inside the copy");
        }
      }
    }
  }

  private static int common(int[] tokens, int end, int size) {
    int common = 0;
    while (common < Math.min(end, NgramIndex.MAX_MATCH)
        && tokens[end - 1 - common] == tokens[size - 1 - common]) {
      common++;
    }
    return common;
  }
}
