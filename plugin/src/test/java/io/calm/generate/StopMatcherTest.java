package io.calm.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Seeds;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;

class StopMatcherTest {

  @Test
  void holdsBackWhatMayBecomeAStop() {
    StopMatcher matcher = new StopMatcher(List.of("END"), false);
    assertEquals("on", matcher.add("onE"));
    assertEquals("", matcher.add("N"));
    assertEquals("ENd", matcher.add("d"));
    assertEquals("", matcher.add("EN"));
    assertEquals("", matcher.add("D and more"));
    assertTrue(matcher.stopped());
    assertThrows(IllegalStateException.class, () -> matcher.add("x"));
  }

  @Test
  void theEndOfTheTextGivesBackWhatWasHeld() {
    StopMatcher matcher = new StopMatcher(List.of("\n\n"), false);
    assertEquals("a", matcher.add("a\n"));
    assertEquals("\n", matcher.flush());
    assertFalse(matcher.stopped());
  }

  @RepeatedTest(400)
  void anyCutGivesTheTextBeforeTheStopThatEndsFirst(RepetitionInfo repetition) {
    long seed = Seeds.of(repetition.getCurrentRepetition());
    SplittableRandom random = new SplittableRandom(seed);
    List<String> stops = new ArrayList<>();
    for (int i = 1 + random.nextInt(3); i > 0; i--) {
      stops.add(letters(random, 1 + random.nextInt(5)));
    }
    String text = letters(random, random.nextInt(30));
    boolean include = random.nextBoolean();
    String expected = naive(text, stops, include);
    StopMatcher matcher = new StopMatcher(stops, include);
    StringBuilder out = new StringBuilder();
    int at = 0;
    while (at < text.length() && !matcher.stopped()) {
      int to = Math.min(text.length(), at + 1 + random.nextInt(4));
      out.append(matcher.add(text.substring(at, to)));
      at = to;
      assertTrue(expected.startsWith(out.toString()), "seed " + seed + ": leaked");
    }
    if (!matcher.stopped()) {
      out.append(matcher.flush());
    }
    assertEquals(expected, out.toString(), "seed " + seed + ", stops " + stops);
  }

  private static String letters(SplittableRandom random, int length) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append((char) ('a' + random.nextInt(2)));
    }
    return text.toString();
  }

  private static String naive(String text, List<String> stops, boolean include) {
    for (int end = 1; end <= text.length(); end++) {
      String read = text.substring(0, end);
      int longest = stops.stream().filter(read::endsWith).mapToInt(String::length).max().orElse(0);
      if (longest > 0) {
        return read.substring(0, include ? end : end - longest);
      }
    }
    return text;
  }
}
