package io.calm.cli.eval;

import io.calm.cli.eval.ScoredPrompt.Branch;
import io.calm.cli.eval.StepPlan.Piece;
import io.calm.cli.eval.StepPlan.Step;
import io.calm.tensor.Parallel;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.IntConsumer;

/**
 * Scores prompts with several models side by side: negative log-likelihoods, greedy choices, and
 * the divergence from the full-precision model.
 *
 * <p>All models run the same {@link StepPlan}, one step at a time, and the rows of a step are
 * compared before the next one. Memory holds the logits of one step per model, at most {@value
 * #STEP_BYTES} bytes each, and never those of a whole text. The full-precision model runs through
 * its blocks first and keeps its final hidden states ({@link ReferenceLogits}); its logits are
 * computed from them beside the others'. Each model scores each token once.
 *
 * <p>Softmax sums run in float64, rows in parallel. The scores of a branch are added in the order
 * of its tokens, so results depend neither on threads nor on the division into steps.
 */
final class Scorer implements AutoCloseable {
  /** Maximum bytes of the logits of a step and model. */
  private static final int STEP_BYTES = 64 << 20;

  private static final int MAX_ROWS = 2 * ReferenceLogits.HEAD_ROWS;

  private final List<LogitSource> models;
  private final OptionalInt reference;
  private final int rows;
  private final Parallel parallel;
  private final ThreadLocal<Buffers> buffers;
  private final long[] nanoseconds;

  /**
   * @param models all of one vocabulary; closed by the caller
   * @param reference index of the model whose distributions the others are compared with
   */
  Scorer(List<LogitSource> models, OptionalInt reference, int threads) {
    this(models, reference, threads, stepRows(models.get(0).vocabulary()));
  }

  /**
   * @param rows maximum number of rows of logits in a step
   */
  Scorer(List<LogitSource> models, OptionalInt reference, int threads, int rows) {
    this.models = List.copyOf(models);
    this.reference = reference;
    this.rows = rows;
    this.parallel = new Parallel(threads);
    int vocabulary = models.get(0).vocabulary();
    this.buffers = ThreadLocal.withInitial(() -> new Buffers(vocabulary));
    this.nanoseconds = new long[models.size()];
  }

  private static int stepRows(int vocabulary) {
    long most = STEP_BYTES / (4L * vocabulary);
    return most >= MAX_ROWS ? MAX_ROWS : ReferenceLogits.HEAD_ROWS;
  }

  /** Reused memory of one thread. */
  private static final class Buffers {
    final float[] referenceRow;
    final float[] row;
    final LogSoftmax referenceSoftmax;
    final LogSoftmax softmax;

    Buffers(int vocabulary) {
      referenceRow = new float[vocabulary];
      row = new float[vocabulary];
      referenceSoftmax = new LogSoftmax(vocabulary);
      softmax = new LogSoftmax(vocabulary);
    }
  }

  /** The scores of a step's rows. */
  private static final class RowScores {
    final double[] nll;
    final double[] kl;
    final int[] best;

    RowScores(int rows) {
      nll = new double[rows];
      kl = new double[rows];
      best = new int[rows];
    }
  }

  /** The running sums of one branch. */
  private static final class Sums {
    double nll;
    double kl;
    int greedy;
    int agreements;
  }

  /**
   * Scores prompts.
   *
   * @param progress receives the number of scored tokens so far, in all branches
   * @return the scores [models][prompts][branches]
   */
  List<List<List<BranchScore>>> score(List<ScoredPrompt> prompts, IntConsumer progress) {
    List<List<List<BranchScore>>> scores = new ArrayList<>();
    models.forEach(model -> scores.add(new ArrayList<>()));
    long limit = models.stream().mapToLong(LogitSource::preparedTokens).min().orElse(0);
    int blocks = models.stream().mapToInt(LogitSource::blocks).min().orElse(0);
    StepPlan plan = new StepPlan(blocks, rows);
    int done = 0;
    int from = 0;
    while (from < prompts.size()) {
      int to = from + 1;
      long prepared = prompts.get(from).unshared();
      while (to < prompts.size() && prepared + prompts.get(to).unshared() <= limit) {
        prepared += prompts.get(to++).unshared();
      }
      List<ScoredPrompt> part = prompts.subList(from, to);
      done = scorePart(part, plan.steps(part), scores, done, progress);
      from = to;
    }
    return scores;
  }

  private int scorePart(
      List<ScoredPrompt> prompts,
      List<Step> steps,
      List<List<List<BranchScore>>> scores,
      int before,
      IntConsumer progress) {
    int done = before;
    for (int m = 0; m < models.size(); m++) {
      long start = System.nanoTime();
      models.get(m).prepare(prompts);
      nanoseconds[m] += System.nanoTime() - start;
    }
    List<List<List<Sums>>> sums = models.stream().map(model -> empty(prompts)).toList();
    for (Step step : steps) {
      List<LogitSource.Rows> logits = new ArrayList<>();
      for (int m = 0; m < models.size(); m++) {
        long start = System.nanoTime();
        logits.add(models.get(m).step(step));
        nanoseconds[m] += System.nanoTime() - start;
      }
      if (step.logits() > 0) {
        add(prompts, step, compare(prompts, step, logits), sums);
        done += step.logits();
        progress.accept(done);
      }
    }
    for (int m = 0; m < models.size(); m++) {
      scores.get(m).addAll(finished(prompts, sums.get(m)));
    }
    return done;
  }

  private static List<List<Sums>> empty(List<ScoredPrompt> prompts) {
    return prompts.stream()
        .map(prompt -> prompt.branches().stream().map(branch -> new Sums()).toList())
        .toList();
  }

  private static List<List<BranchScore>> finished(
      List<ScoredPrompt> prompts, List<List<Sums>> sums) {
    List<List<BranchScore>> result = new ArrayList<>();
    for (int p = 0; p < prompts.size(); p++) {
      List<BranchScore> branches = new ArrayList<>();
      for (int b = 0; b < sums.get(p).size(); b++) {
        Sums sum = sums.get(p).get(b);
        int scored = prompts.get(p).branches().get(b).targets().length;
        branches.add(new BranchScore(scored, sum.nll, sum.greedy, sum.kl, sum.agreements));
      }
      result.add(branches);
    }
    return result;
  }

  /** Returns the scores of the step's rows, of every model. */
  private List<RowScores> compare(
      List<ScoredPrompt> prompts, Step step, List<LogitSource.Rows> logits) {
    int count = step.logits();
    int[] targets = targets(prompts, step);
    List<RowScores> scores = models.stream().map(model -> new RowScores(count)).toList();
    parallel.ranges(
        count,
        (from, to) -> {
          Buffers memory = buffers.get();
          for (int row = from; row < to; row++) {
            compareRow(row, targets[row], logits, memory, scores);
          }
        });
    return scores;
  }

  private static int[] targets(List<ScoredPrompt> prompts, Step step) {
    int[] targets = new int[step.logits()];
    int row = 0;
    for (Piece piece : step.pieces()) {
      if (piece.logits() > 0) {
        Branch branch = prompts.get(piece.prompt()).branches().get(piece.branch());
        System.arraycopy(branch.targets(), piece.from(), targets, row, piece.logits());
        row += piece.logits();
      }
    }
    return targets;
  }

  private void compareRow(
      int row, int target, List<LogitSource.Rows> logits, Buffers memory, List<RowScores> scores) {
    float[] own = memory.referenceRow;
    if (reference.isPresent()) {
      own = logits.get(reference.getAsInt()).row(row, memory.referenceRow);
      memory.referenceSoftmax.measure(own);
    }
    for (int m = 0; m < models.size(); m++) {
      RowScores score = scores.get(m);
      boolean isReference = reference.isPresent() && reference.getAsInt() == m;
      float[] others = isReference ? own : logits.get(m).row(row, memory.row);
      LogSoftmax softmax = isReference ? memory.referenceSoftmax : memory.softmax.measure(others);
      score.nll[row] = softmax.logSum() - others[target];
      score.best[row] = softmax.best();
      if (reference.isPresent()) {
        score.kl[row] = memory.referenceSoftmax.divergence(own, softmax, others);
      }
    }
  }

  private void add(
      List<ScoredPrompt> prompts, Step step, List<RowScores> scores, List<List<List<Sums>>> sums) {
    int[] targets = targets(prompts, step);
    for (int m = 0; m < models.size(); m++) {
      int row = 0;
      for (Piece piece : step.pieces()) {
        for (int i = 0; i < piece.logits(); i++) {
          RowScores score = scores.get(m);
          Sums sum = sums.get(m).get(piece.prompt()).get(piece.branch());
          sum.nll += score.nll[row];
          sum.kl += score.kl[row];
          sum.greedy += score.best[row] == targets[row] ? 1 : 0;
          if (reference.isPresent()) {
            int first = scores.get(reference.getAsInt()).best[row];
            sum.agreements += score.best[row] == first ? 1 : 0;
          }
          row++;
        }
      }
    }
  }

  /** Returns the time in which a model computed its logits so far. */
  double seconds(int model) {
    return nanoseconds[model] / 1e9;
  }

  @Override
  public void close() {
    parallel.close();
    buffers.remove();
  }
}
