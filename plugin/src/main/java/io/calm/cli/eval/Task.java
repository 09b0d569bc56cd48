package io.calm.cli.eval;

import java.util.List;

/**
 * A benchmark whose answers are scored by log-likelihood.
 *
 * @param name of the task
 * @param kind of its score
 * @param questions at least one
 */
public record Task(String name, Kind kind, List<Question> questions) {

  /** The score of a task. */
  public enum Kind {
    /** The most likely of several continuations, by its sum and by its mean per character. */
    MULTIPLE_CHOICE,
    /** The only continuation, which greedy decoding must produce (LAMBADA). */
    LAST_WORD
  }

  /**
   * A question.
   *
   * @param place file and line of its first request, for messages
   * @param context text before every choice
   * @param choices possible continuations
   * @param gold index of the right choice
   */
  public record Question(String place, String context, List<Choice> choices, int gold) {
    public Question {
      choices = List.copyOf(choices);
    }
  }

  /**
   * A continuation.
   *
   * @param text with the space before it
   * @param characters length of the answer in code points, without that space
   */
  public record Choice(String text, int characters) {}

  public Task {
    questions = List.copyOf(questions);
    if (questions.isEmpty()) {
      throw new IllegalArgumentException(
          "%s: expected at least one question, got none".formatted(name));
    }
  }

  /** Returns the task with its first {@code count} questions, or all of them if it has fewer. */
  public Task limit(int count) {
    return new Task(name, kind, questions.subList(0, Math.min(count, questions.size())));
  }
}
