package io.calm.cli.eval;

import io.calm.cli.eval.ScoredPrompt.Branch;
import java.util.List;

/** A model in some precision that computes next-token logits. Not thread safe. */
public interface LogitSource extends AutoCloseable {

  /** Maximum rows of logits of a step that {@link #run} makes. */
  int RUN_ROWS = 64;

  /** Receives the logits of one position of a window. */
  @FunctionalInterface
  interface RowConsumer {
    /**
     * Takes a row.
     *
     * @param position index in the window, ascending from 0
     * @param logits [V]; valid during the call only
     */
    void row(int position, float[] logits);
  }

  /** Logits of a step's rows in order. Threads may read different rows at the same time. */
  interface Rows {
    /**
     * Returns the logits of a row, [V].
     *
     * @param buffer [V], which the result may use
     */
    float[] row(int index, float[] buffer);
  }

  /** Returns V. */
  int vocabulary();

  /** Returns the number of KV blocks that steps may use. */
  int blocks();

  /** Returns the maximum number of tokens, prefixes unshared, that are prepared together. */
  long preparedTokens();

  /** Starts prompts. The steps of {@link StepPlan} for all of them follow, in order. */
  void prepare(List<ScoredPrompt> prompts);

  /** Runs the next step. The rows are valid until the next call. */
  Rows step(StepPlan.Step step);

  /** Runs a window from an empty context. */
  default void run(int[] window, RowConsumer consumer) {
    List<ScoredPrompt> prompt =
        List.of(new ScoredPrompt(new int[0], List.of(new Branch(window, window))));
    prepare(prompt);
    float[] buffer = new float[vocabulary()];
    for (StepPlan.Step step : new StepPlan(blocks(), RUN_ROWS).steps(prompt)) {
      Rows rows = step(step);
      for (int i = 0; i < step.logits(); i++) {
        consumer.row(step.pieces().get(0).from() + i, rows.row(i, buffer));
      }
    }
  }

  @Override
  void close();
}
