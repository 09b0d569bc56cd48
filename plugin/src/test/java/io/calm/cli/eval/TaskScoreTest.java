package io.calm.cli.eval;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.cli.eval.Task.Choice;
import io.calm.cli.eval.Task.Kind;
import io.calm.cli.eval.Task.Question;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class TaskScoreTest {

  private static Question question(int gold, int... characters) {
    List<Choice> choices =
        Arrays.stream(characters).mapToObj(count -> new Choice(" x", count)).toList();
    return new Question("a, line 1", "c", choices, gold);
  }

  private static BranchScore nll(double nll) {
    return new BranchScore(2, nll, 0, 0, 0);
  }

  /** Right by the sum, by the mean per character, by both, by neither. */
  private static final Task TASK =
      new Task(
          "t",
          Kind.MULTIPLE_CHOICE,
          List.of(question(0, 1, 10), question(1, 1, 10), question(0, 5, 5), question(1, 5, 5)));

  private static final List<List<BranchScore>> SCORES =
      List.of(
          List.of(nll(2), nll(3)),
          List.of(nll(2), nll(3)),
          List.of(nll(1), nll(4)),
          List.of(nll(1), nll(1)));

  @Test
  void accuracyIsByTheSumAndByTheMeanPerCharacter() {
    TaskScore score = TaskScore.of(TASK, SCORES);
    assertEquals(
        List.of(true, false, true, false),
        score.answers().stream().map(TaskScore.Answer::correct).toList(),
        "of equal choices the first is taken");
    assertEquals(
        List.of(false, true, true, false),
        score.answers().stream().map(TaskScore.Answer::normalizedCorrect).toList());
    assertEquals(0.5, score.accuracy().mean());
    // variance 4 * 0.25 / 3, of the mean 1 / 12
    assertEquals(Math.sqrt(1.0 / 12), score.accuracy().standardError(), 1e-12);
    assertEquals(0.5, score.normalized().orElseThrow().mean());
    assertTrue(score.perplexity().isEmpty());
  }

  @Test
  void aDifferenceIsPairedByQuestion() {
    TaskScore better = TaskScore.of(TASK, SCORES);
    TaskScore worse =
        TaskScore.of(
            TASK,
            List.of(
                List.of(nll(4), nll(3)), SCORES.get(1), List.of(nll(9), nll(4)), SCORES.get(3)));
    TaskScore.Difference difference = worse.minus(better);
    assertEquals(-0.5, difference.accuracy().mean());
    // differences -1, 0, -1, 0
    assertEquals(Math.sqrt(1.0 / 12), difference.accuracy().standardError(), 1e-12);
    assertTrue(difference.normalized().isPresent());
    assertTrue(difference.nll().isEmpty());
  }

  @Test
  void aLastWordIsRightIfEveryTokenIsGreedy() {
    Task task = new Task("l", Kind.LAST_WORD, List.of(question(0, 4), question(0, 4)));
    TaskScore score =
        TaskScore.of(
            task,
            List.of(
                List.of(new BranchScore(2, 1, 2, 0, 0)), List.of(new BranchScore(2, 3, 1, 0, 0))));
    assertEquals(0.5, score.accuracy().mean());
    assertEquals(Math.exp(2), score.perplexity().orElseThrow().mean(), 1e-12);
    assertEquals(Math.exp(2), score.perplexity().orElseThrow().standardError(), 1e-12);
    assertTrue(score.normalized().isEmpty());
    assertEquals(0, score.minus(score).nll().orElseThrow().mean());
  }
}
