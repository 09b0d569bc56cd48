package io.calm.search;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * The candidates of one choice, in the order of the pool, with the results of those that can still
 * win. A result is released as soon as another candidate beats it, whatever follows. Usually one
 * result is held: more only among scores that tie ({@link Choice.Ties}), of which a later candidate
 * can end the tie with the best. Not thread safe.
 *
 * @param <T> what a candidate leaves besides its scores
 */
final class Contenders<T> implements AutoCloseable {
  private final Choice.Ties ties;
  private final Consumer<T> release;
  private final List<QuantPlan.Candidate> candidates = new ArrayList<>();
  private final Map<Integer, T> results = new TreeMap<>();

  /**
   * Starts without a candidate.
   *
   * @param ties if they are those of a pool, candidates come in its order
   * @param release called once for each result that is not taken
   */
  Contenders(Choice.Ties ties, Consumer<T> release) {
    this.ties = ties;
    this.release = release;
  }

  /**
   * Adds a candidate.
   *
   * @param result empty if the candidate failed
   */
  void add(QuantPlan.Candidate candidate, Optional<T> result) {
    int index = candidates.size();
    candidates.add(candidate);
    result.ifPresent(held -> results.put(index, held));
    List<Integer> beaten =
        results.keySet().stream().filter(i -> !Choice.canWin(candidates, ties, i)).toList();
    for (int i : beaten) {
      release(i);
    }
  }

  private void release(int index) {
    Optional.ofNullable(results.remove(index)).ifPresent(release);
  }

  /** Returns the choice among the candidates so far; empty if all of them failed. */
  Optional<Choice> choice() {
    return Choice.among(candidates, ties);
  }

  /** Returns the result of the winner, which the caller owns from now on. */
  T take(Choice choice) {
    T result = results.remove(choice.index());
    if (result == null) {
      throw new IllegalStateException(
          "candidate %d: its result was released, though it won".formatted(choice.index()));
    }
    return result;
  }

  /** Releases the results that were not taken. */
  @Override
  public void close() {
    for (int index : List.copyOf(results.keySet())) {
      release(index);
    }
  }
}
