package io.calm.search;

import java.util.EnumSet;
import java.util.Optional;

/**
 * How far the mix is a uniform plan: while one algorithm wins every block, that algorithm's uniform
 * plan has the mix's blocks and stream, and the guard need not make them again. Where the mix
 * leaves it, a copy of the stream is kept. One thread at a time.
 */
final class UniformPrefix implements AutoCloseable {
  private Optional<String> algorithm = Optional.empty();
  private Optional<Streams> left = Optional.empty();
  private int layers;

  /**
   * Takes the next block's winner, before the stream goes on through it.
   *
   * @return whether the block is the uniform plan's too
   */
  boolean follow(String winner, Streams mix) {
    if (left.isPresent()) {
      return false;
    }
    if (!algorithm.orElse(winner).equals(winner)) {
      left = Optional.of(mix.copy(EnumSet.of(Streams.Part.FIT, Streams.Part.GUARD)));
      return false;
    }
    algorithm = Optional.of(winner);
    layers++;
    return true;
  }

  /** Returns how many blocks a uniform plan has in common with the mix from the first one on. */
  int layers(String name) {
    return left.isPresent() && algorithm.equals(Optional.of(name)) ? layers : 0;
  }

  /** Gives away the uniform plan's stream behind {@link #layers}, which are not 0. */
  Streams takeStream() {
    Streams stream = left.orElseThrow();
    left = Optional.empty();
    return stream;
  }

  @Override
  public void close() {
    left.ifPresent(Streams::close);
  }
}
