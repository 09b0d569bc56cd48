package io.calm.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Seeds;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
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
  }

  @Test
  void oneEqualTokenIsAMatch() {
    assertPredicts(1, 1, of(1, 2, 1));
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
    assertPredicts(5, 2, of(1, 2, 3, 4, 9, 5, 1, 2, 4, 9));
    assertFalse(of(1, 2, 3, 4, 0, 1, 2, 8, 9).found(), "only one token may be replaced");
  }

  @Test
  void aCopyGoesOnBehindAReplacedToken() {
    assertPredicts(3, 0, of(1, 2, 3, 4, 5, 1, 2, 8));
    assertPredicts(4, 1, of(1, 2, 3, 4, 5, 1, 2, 8, 4));
  }

  @Test
  void aCopyGoesOnBehindLeftOutTokens() {
    // 5 occurs again after 9, but the copy of 1 2 3 has its 5 before.
    assertPredicts(5, 1, of(1, 2, 3, 4, 5, 6, 9, 5, 7, 0, 1, 2, 3, 5));
  }

  @Test
  void aLongerMatchElsewhereEndsTheCopy() {
    assertPredicts(9, 2, of(1, 2, 3, 4, 5, 6, 9, 3, 5, 7, 0, 1, 2, 3, 5));
  }

  @Test
  void aSourceFarBehindDoesNotCount() {
    int[] tokens = IntStream.range(0, 100).toArray();
    tokens[90] = 60; // the most recent one
    int[] copy = Arrays.copyOf(tokens, 104);
    System.arraycopy(new int[] {10, 11, 12, 60}, 0, copy, 100, 4);
    assertPredicts(91, 1, of(copy));
    copy[103] = 13 + NgramIndex.WINDOW - 2;
    copy[91] = copy[103];
    assertPredicts(13 + NgramIndex.WINDOW - 1, 1, of(copy));
  }

  @Test
  void aSequenceOfOneTokenPredictsItself() {
    assertPredicts(2, 2, of(7, 7, 7));
    assertPredicts(3, 3, of(7, 7, 7, 7));
  }

  /** Whatever grew and collided: the match is that of the tokens, and a long copy is found. */
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
