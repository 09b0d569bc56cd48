package io.calm.cli.eval;

import io.calm.cli.eval.EvalReport.OfTask;
import io.calm.cli.eval.EvalReport.OfText;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.IntStream;

/**
 * Measures models on texts and tasks.
 *
 * @param models all precisions of one model
 * @param reference index of the full-precision model, if texts are to be compared with it
 * @param threads that compute softmax sums
 */
public record Evaluation(
    List<LogitSource> models, OptionalInt reference, int threads, EvalProgress progress) {

  public Evaluation {
    models = List.copyOf(models);
  }

  /** Measures all models on the windows of a text. */
  public OfText text(Path text, TextWindows windows) {
    progress.start(String.valueOf(text.getFileName()), windows.scored());
    try (Scorer scorer = new Scorer(models, reference, threads)) {
      List<Perplexity> scores = new ArrayList<>();
      for (List<List<BranchScore>> ofModel : scorer.score(windows.prompts(), progress::count)) {
        List<BranchScore> ofWindows = ofModel.stream().map(branches -> branches.get(0)).toList();
        scores.add(new Perplexity(ofWindows, reference.isPresent()));
      }
      return new OfText(text, windows, scores, rates(scorer, models.size(), windows.scored()));
    }
  }

  /**
   * Measures the first models on the questions of a task.
   *
   * @param count number of models
   */
  public OfTask task(PreparedTask prepared, int count) {
    Task task = prepared.task();
    TaskPrompts prompts = prepared.prompts();
    int tokens =
        prompts.prompts().stream()
            .flatMap(prompt -> prompt.branches().stream())
            .mapToInt(branch -> branch.inputs().length)
            .sum();
    progress.start(task.name(), tokens);
    try (Scorer scorer = new Scorer(models.subList(0, count), OptionalInt.empty(), threads)) {
      List<TaskScore> scores =
          scorer.score(prompts.prompts(), progress::count).stream()
              .map(ofModel -> TaskScore.of(task, prompts.byQuestion(ofModel)))
              .toList();
      return new OfTask(
          prepared.file(),
          task,
          prepared.available(),
          scores,
          rates(scorer, count, task.questions().size()));
    }
  }

  /** Returns {@code items} per second of each model. */
  private static List<Double> rates(Scorer scorer, int count, int items) {
    return IntStream.range(0, count).mapToObj(m -> items / scorer.seconds(m)).toList();
  }
}
