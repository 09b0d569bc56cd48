package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

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

  @Test
  void highestScoreWinsHoweverLargeItsError() {
    Choice choice = Choice.among(List.of(scored(0.9, 0.1), scored(0.90001, 9))).orElseThrow();
    assertEquals(1, choice.index());
    assertEquals("highest score", choice.reason());
  }

  @Test
  void scoresWithinTheTieGoToTheLowestError() {
    Choice choice =
        Choice.among(List.of(scored(1 - 2e-7, 0.3), scored(1 - 1e-7, 0.5), scored(1 - 9e-7, 0.2)))
            .orElseThrow();
    assertEquals(2, choice.index());
    assertTrue(choice.reason().contains("relative MSE"), choice.reason());
  }

  @Test
  void tieIsMeasuredFromTheBestAndDoesNotChain() {
    Choice choice =
        Choice.among(List.of(scored(1, 0.5), scored(1 - 9e-7, 0.4), scored(1 - 1.8e-6, 0.1)))
            .orElseThrow();
    assertEquals(1, choice.index());
  }

  @Test
  void failuresAreNeverChosen() {
    Choice choice = Choice.among(List.of(failed(), scored(-0.5, 7), failed())).orElseThrow();
    assertEquals(1, choice.index());
    assertTrue(choice.reason().contains("did not fail"), choice.reason());
    assertTrue(Choice.among(List.of(failed(), failed())).isEmpty());
  }
}
