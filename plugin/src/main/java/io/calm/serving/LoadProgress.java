package io.calm.serving;

import io.calm.search.SearchProgress;
import java.util.function.Consumer;

/** The latest moment of a load; the loader writes it, anybody reads it. Thread safe. */
public final class LoadProgress implements Consumer<SearchProgress> {
  private volatile SearchProgress current = SearchProgress.phase("queued", 0);

  @Override
  public void accept(SearchProgress moment) {
    current = moment;
  }

  public SearchProgress current() {
    return current;
  }
}
