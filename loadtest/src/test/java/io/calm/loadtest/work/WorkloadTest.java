package io.calm.loadtest.work;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.loadtest.work.Workload.Mix;
import io.calm.loadtest.work.Workload.Request;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Requests as they are drawn. */
class WorkloadTest {
  private static final Mix MIX = new Mix(new Range(3, 9), new Range(2, 20), 5, 0.5, 0.1, false, 11);

  private static List<Request> draw(Mix mix, int count) {
    Workload workload = new Workload(mix);
    return Stream.generate(workload::next).limit(count).toList();
  }

  @Test
  void theSeedDecides() {
    assertEquals(draw(MIX, 200), draw(MIX, 200));
    Mix other = new Mix(MIX.words(), MIX.tokens(), 5, 0.5, 0.1, false, 12);
    assertNotEquals(draw(MIX, 200), draw(other, 200));
  }

  @Test
  void lengthsAndSharesAreThoseOfTheMix() {
    Workload workload = new Workload(MIX);
    Set<Integer> words = new HashSet<>();
    Set<Integer> tokens = new HashSet<>();
    int known = 0;
    int leaving = 0;
    int all = 10_000;
    for (int i = 0; i < all; i++) {
      Request request = workload.next();
      words.add(request.ask().prompt().split(" ", -1).length);
      tokens.add(request.ask().maxTokens());
      known += workload.deck().contains(request.ask()) ? 1 : 0;
      if (request.hangUpAfter().isPresent()) {
        leaving++;
        assertTrue(request.hangUpAfter().getAsInt() < request.ask().maxTokens());
      }
    }
    assertEquals(Set.of(3, 4, 5, 6, 7, 8, 9), words);
    assertEquals(19, tokens.size());
    assertEquals(0.5, (double) known / all, 0.03);
    assertEquals(0.1, (double) leaving / all, 0.02);
  }

  @Test
  void aRangeIsANumberOrTwo() {
    assertEquals(new Range(8, 8), Range.of("8"));
    assertEquals(new Range(1, 200), Range.of("1..200"));
    assertThrows(IllegalArgumentException.class, () -> Range.of("9..8"));
    assertThrows(IllegalArgumentException.class, () -> Range.of("0..8"));
  }
}
