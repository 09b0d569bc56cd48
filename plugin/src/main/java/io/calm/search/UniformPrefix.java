package io.calm.search;

import java.util.EnumSet;
import java.util.Optional;

/**
 * The first blocks of a mix, as long as one algorithm wins all of them. The uniform plan of that
 * algorithm has the same blocks and hidden states, so the guard need not compute them again. A copy
 * of the states is kept where the mix first differs, and one of the full-precision states beside
 * them. Not thread safe.
 */
final class UniformPrefix implements AutoCloseable {
  private Optional<String> algorithm = Optional.empty();
  private Optional<Streams> left = Optional.empty();
  private Optional<Streams> leftFull = Optional.empty();
  private boolean ended;
  private int layers;

  /**
   * Adds the winner of the next block, before the hidden states advance through it.
   *
   * @param winner the only algorithm of the block; empty if it has several
   * @param full in full precision; its fit part is kept if it has one
   * @return whether the block also belongs to the uniform plan
   */
  boolean follow(Optional<String> winner, Streams mix, Streams full) {
    if (ended) {
      return false;
    }
    if (winner.isEmpty() || (algorithm.isPresent() && !algorithm.equals(winner))) {
      ended = true;
      if (layers > 0) {
        left = Optional.of(mix.copy(EnumSet.of(Streams.Part.FIT, Streams.Part.GUARD)));
        leftFull =
            full.has(Streams.Part.FIT)
                ? Optional.of(full.copy(EnumSet.of(Streams.Part.FIT)))
                : Optional.empty();
      }
      return false;
    }
    algorithm = winner;
    layers++;
    return true;
  }

  /** Returns the number of first blocks that a uniform plan shares with the mix. */
  int layers(String name) {
    return left.isPresent() && algorithm.equals(Optional.of(name)) ? layers : 0;
  }

  /** Hands over the hidden states after {@link #layers} blocks, of which there is at least one. */
  Streams takeStream() {
    Streams stream = left.orElseThrow();
    left = Optional.empty();
    return stream;
  }

  /** Hands over the full-precision fit part after {@link #layers} blocks, which must be there. */
  Streams takeFull() {
    Streams stream = leftFull.orElseThrow();
    leftFull = Optional.empty();
    return stream;
  }

  @Override
  public void close() {
    left.ifPresent(Streams::close);
    leftFull.ifPresent(Streams::close);
  }
}
