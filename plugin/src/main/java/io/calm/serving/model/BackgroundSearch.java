package io.calm.serving.model;

/** A search beside the model that answers until the search is done. */
public sealed interface BackgroundSearch {

  /** Cancels the search, without waiting for its end. */
  default void cancel(LoadCancelledException.Reason reason) {}

  /** The search waits or runs. */
  record Running(LoadProgress progress) implements BackgroundSearch {
    @Override
    public void cancel(LoadCancelledException.Reason reason) {
      progress.cancel(reason);
    }
  }

  /** The search failed. The model continues to answer. */
  record Failed(String reason) implements BackgroundSearch {}
}
