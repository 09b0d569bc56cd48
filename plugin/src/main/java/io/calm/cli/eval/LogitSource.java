package io.calm.cli.eval;

/** A model in some precision that computes next-token logits for whole windows. */
public interface LogitSource extends AutoCloseable {

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

  /** Returns V. */
  int vocabulary();

  /** Runs a window from an empty context. */
  void run(int[] window, RowConsumer rows);

  @Override
  void close();
}
