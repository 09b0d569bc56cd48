package io.calm.cli.eval;

import io.calm.cli.eval.Task.Kind;
import io.calm.cli.eval.Task.Question;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.ToDoubleFunction;

/**
 * The scores of a model on the questions of a task. Standard errors take a question as one
 * observation. Two models on the same questions are compared by their paired difference.
 */
public record TaskScore(Kind kind, List<Answer> answers) {

  /**
   * The scores of one question.
   *
   * @param correct multiple choice: the right choice has the largest log-likelihood; last word: it
   *     is what greedy decoding produces
   * @param normalizedCorrect the right choice has the largest log-likelihood per character
   * @param nll negative log-likelihood of the right continuation, in nats
   */
  public record Answer(boolean correct, boolean normalizedCorrect, double nll) {}

  /** Paired differences of two models. */
  public record Difference(
      Estimate accuracy, Optional<Estimate> normalized, Optional<Estimate> nll) {}

  public TaskScore {
    answers = List.copyOf(answers);
  }

  /**
   * Scores a task. Of equally likely choices the first counts.
   *
   * @param scores [questions][choices]
   */
  static TaskScore of(Task task, List<List<BranchScore>> scores) {
    List<Answer> answers = new ArrayList<>();
    for (int q = 0; q < scores.size(); q++) {
      Question question = task.questions().get(q);
      List<BranchScore> choices = scores.get(q);
      BranchScore right = choices.get(question.gold());
      if (task.kind() == Kind.LAST_WORD) {
        answers.add(new Answer(right.isGreedy(), right.isGreedy(), right.nll()));
      } else {
        double[] sums = choices.stream().mapToDouble(BranchScore::nll).toArray();
        double[] perCharacter = sums.clone();
        for (int c = 0; c < sums.length; c++) {
          perCharacter[c] /= question.choices().get(c).characters();
        }
        answers.add(
            new Answer(
                smallest(sums) == question.gold(),
                smallest(perCharacter) == question.gold(),
                right.nll()));
      }
    }
    return new TaskScore(task.kind(), answers);
  }

  private static int smallest(double[] values) {
    int best = 0;
    for (int i = 1; i < values.length; i++) {
      if (values[i] < values[best]) {
        best = i;
      }
    }
    return best;
  }

  /** Returns the fraction of correct answers, 0 to 1. */
  public Estimate accuracy() {
    return Estimate.of(values(TaskScore::correct));
  }

  /**
   * Returns the fraction of correct answers by log-likelihood per character; multiple choice only.
   */
  public Optional<Estimate> normalized() {
    return kind == Kind.MULTIPLE_CHOICE
        ? Optional.of(Estimate.of(values(TaskScore::normalizedCorrect)))
        : Optional.empty();
  }

  /** Returns the mean negative log-likelihood of a last word, in nats; last words only. */
  public Optional<Estimate> nll() {
    return kind == Kind.LAST_WORD
        ? Optional.of(Estimate.of(values(Answer::nll)))
        : Optional.empty();
  }

  /** Returns exp of the mean negative log-likelihood of a last word; its error to first order. */
  public Optional<Estimate> perplexity() {
    return nll()
        .map(
            nll -> {
              double value = Math.exp(nll.mean());
              return new Estimate(value, value * nll.standardError());
            });
  }

  /** Returns the paired differences, this minus other. */
  public Difference minus(TaskScore other) {
    boolean choice = kind == Kind.MULTIPLE_CHOICE;
    return new Difference(
        difference(other, TaskScore::correct),
        choice ? Optional.of(difference(other, TaskScore::normalizedCorrect)) : Optional.empty(),
        choice ? Optional.empty() : Optional.of(difference(other, Answer::nll)));
  }

  private Estimate difference(TaskScore other, ToDoubleFunction<Answer> value) {
    return Estimate.ofDifferences(values(value), other.values(value));
  }

  private double[] values(ToDoubleFunction<Answer> value) {
    return answers.stream().mapToDouble(value).toArray();
  }

  private static double correct(Answer answer) {
    return answer.correct() ? 1 : 0;
  }

  private static double normalizedCorrect(Answer answer) {
    return answer.normalizedCorrect() ? 1 : 0;
  }
}
