package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Seeds;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ContendersTest {
  private final List<String> released = new ArrayList<>();

  private static QuantPlan.Candidate scored(double score, double mse) {
    return new QuantPlan.Candidate(score, score, mse, mse, 1, Optional.empty(), Map.of());
  }

  private static void add(Contenders<String> contenders, String name, double score, double mse) {
    contenders.add(scored(score, mse), Optional.of(name));
  }

  @Test
  void aBeatenCandidateIsReleasedBeforeTheNextOneComes() {
    try (Contenders<String> contenders = new Contenders<>(Choice.Ties.narrow(), released::add)) {
      add(contenders, "first", 0.5, 0.1);
      assertEquals(List.of(), released);
      add(contenders, "better", 0.6, 0.1);
      assertEquals(List.of("first"), released);
      add(contenders, "worse", 0.4, 0.1);
      assertEquals(List.of("first", "worse"), released);
      contenders.add(CandidateScorer.failed("a reason", 1), Optional.of("failed"));
      assertEquals(List.of("first", "worse", "failed"), released);
      assertEquals("better", contenders.take(contenders.choice().orElseThrow()));
    }
    assertEquals(List.of("first", "worse", "failed"), released, "a taken result stays");
  }

  /** The third candidate ends the second one's tie with the best, so the first one wins. */
  @Test
  void aCandidateThatOnlyALaterOneCanMakeWinIsKept() {
    try (Contenders<String> contenders = new Contenders<>(Choice.Ties.narrow(), released::add)) {
      add(contenders, "first", 0.9e-6, 1);
      add(contenders, "lowest error", 0, 0.5);
      assertEquals(List.of(), released);
      add(contenders, "best score", 1.5e-6, 2);
      assertEquals(List.of("lowest error"), released);
      assertEquals("first", contenders.take(contenders.choice().orElseThrow()));
    }
    assertEquals(List.of("lowest error", "best score"), released);
  }

  @Test
  void aSearchThatEndsEarlyReleasesAll() {
    try (Contenders<String> contenders = new Contenders<>(Choice.Ties.narrow(), released::add)) {
      add(contenders, "first", 0.9e-6, 1);
      add(contenders, "second", 0, 0.5);
    }
    assertEquals(List.of("first", "second"), released);
  }

  @Test
  void aResultIsTakenOnce() {
    try (Contenders<String> contenders = new Contenders<>(Choice.Ties.narrow(), released::add)) {
      add(contenders, "only", 1, 0);
      Choice choice = contenders.choice().orElseThrow();
      contenders.take(choice);
      IllegalStateException e =
          assertThrows(IllegalStateException.class, () -> contenders.take(choice));
      assertTrue(e.getMessage().contains("candidate 0"), e.getMessage());
    }
  }

  /** The winner among all candidates is never released, in any order of near ties and failures. */
  @Test
  void theWinnerIsThatOfChoice() {
    SplittableRandom random = new SplittableRandom(Seeds.next());
    int most = 0;
    for (int run = 0; run < 2000; run++) {
      List<QuantPlan.Candidate> candidates =
          IntStream.range(0, 1 + random.nextInt(8)).mapToObj(i -> random(random)).toList();
      Choice.Ties ties =
          random.nextBoolean()
              ? Choice.Ties.narrow()
              : Choice.Ties.leading(
                  1, candidates.stream().map(c -> 1.0 * random.nextInt(3)).toList());
      Set<Integer> held = new HashSet<>();
      try (Contenders<Integer> contenders = new Contenders<>(ties, held::remove)) {
        for (int i = 0; i < candidates.size(); i++) {
          held.add(i);
          contenders.add(candidates.get(i), Optional.of(i));
          most = Math.max(most, held.size());
        }
        Optional<Choice> expected = Choice.among(candidates, ties);
        assertEquals(expected, contenders.choice());
        expected.ifPresent(choice -> assertEquals(choice.index(), contenders.take(choice)));
        held.removeIf(i -> expected.isPresent() && expected.get().index() == i);
      }
      assertEquals(Set.of(), held, "released: all that did not win");
    }
    assertTrue(most > 1, "near ties occurred");
  }

  private static QuantPlan.Candidate random(SplittableRandom random) {
    return random.nextInt(6) == 0
        ? CandidateScorer.failed("a reason", 1)
        : scored(
            random.nextBoolean() ? 0.4e-6 * random.nextInt(8) : 0.01 * random.nextInt(8),
            random.nextInt(5));
  }
}
