package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ChoiceTest {
  private static QuantPlan.Candidate scored(double score, double mse) {
    return new QuantPlan.Candidate(score, score, mse, mse, 1, Optional.empty(), Map.of());
  }

  private static QuantPlan.Candidate failed() {
    return new QuantPlan.Candidate(
        Double.NaN, Double.NaN, Double.NaN, Double.NaN, 1, Optional.of("a reason"), Map.of());
  }

  private static Optional<Choice> among(QuantPlan.Candidate... candidates) {
    return Choice.among(List.of(candidates), Choice.Ties.narrow());
  }

  @Test
  void highestScoreWinsHoweverLargeItsError() {
    Choice choice = among(scored(0.9, 0.1), scored(0.90001, 9)).orElseThrow();
    assertEquals(1, choice.index());
    assertEquals("highest score", choice.reason());
  }

  @Test
  void scoresWithinTheTieGoToTheLowestError() {
    Choice choice =
        among(scored(1 - 2e-7, 0.3), scored(1 - 1e-7, 0.5), scored(1 - 9e-7, 0.2)).orElseThrow();
    assertEquals(2, choice.index());
    assertTrue(choice.reason().contains("relative MSE"), choice.reason());
  }

  @Test
  void tieIsMeasuredFromTheBestAndDoesNotChain() {
    Choice choice =
        among(scored(1, 0.5), scored(1 - 9e-7, 0.4), scored(1 - 1.8e-6, 0.1)).orElseThrow();
    assertEquals(1, choice.index());
  }

  @Test
  void failuresAreNeverChosen() {
    Choice choice = among(failed(), scored(-0.5, 7), failed()).orElseThrow();
    assertEquals(1, choice.index());
    assertTrue(choice.reason().contains("did not fail"), choice.reason());
    assertTrue(among(failed(), failed()).isEmpty());
  }

  /** 1 - score is 0.0100, 0.0101 and 0.0103: the second ties with the best, the third does not. */
  @Test
  void theAlgorithmThatLeadsWinsATie() {
    List<QuantPlan.Candidate> candidates =
        List.of(scored(0.9900, 0.2), scored(0.9899, 0.3), scored(0.9897, 0.1));
    Choice first = Choice.among(candidates, leading(0, 0, 0)).orElseThrow();
    assertEquals(0, first.index());
    assertTrue(first.reason().startsWith("2 scores within 2 %"), first.reason());
    assertEquals(1, Choice.among(candidates, leading(1, 0.8, 0)).orElseThrow().index());
    assertEquals(0, Choice.among(candidates, leading(1, 0.95, 0)).orElseThrow().index());
  }

  /** The same errors as scores of a metric that is 0 without error. */
  @Test
  void tiesOfErrorsAreAsWide() {
    List<QuantPlan.Candidate> candidates =
        List.of(scored(-0.0100, 0.2), scored(-0.0101, 0.3), scored(-0.0103, 0.1));
    Choice.Ties ties = Choice.Ties.leading(0, List.of(1.0, 0.8, 0.0));
    assertEquals(1, Choice.among(candidates, ties).orElseThrow().index());
  }

  @Test
  void aScoreBeyondTheNoiseWinsWhoeverLeads() {
    List<QuantPlan.Candidate> candidates = List.of(scored(0.9900, 0.2), scored(0.9897, 0.1));
    Choice choice = Choice.among(candidates, leading(5, 0)).orElseThrow();
    assertEquals(0, choice.index());
    assertEquals("highest score", choice.reason());
  }

  private static Choice.Ties leading(double... earlier) {
    return Choice.Ties.leading(1, Arrays.stream(earlier).boxed().toList());
  }
}
