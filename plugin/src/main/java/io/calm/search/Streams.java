package io.calm.search;

import io.calm.calibration.CalibrationSet;
import io.calm.replay.HiddenStates;
import io.calm.replay.ReferenceModel;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;

/** One hidden stream over those parts of the calibration set that somebody reads. */
final class Streams implements AutoCloseable {
  private final Map<Part, HiddenStates> states = new EnumMap<>(Part.class);

  private Streams() {}

  /** A part of the calibration set. */
  enum Part {
    FIT,
    SCORE,
    GUARD
  }

  /** Returns a stream of no parts. */
  static Streams none() {
    return new Streams();
  }

  /** Starts the stream over {@code parts} with the embeddings of their tokens. */
  static Streams embed(ReferenceModel model, CalibrationSet set, Set<Part> parts) {
    Streams streams = new Streams();
    for (Part part : parts) {
      streams.states.put(
          part,
          model.embed(
              switch (part) {
                case FIT -> set.fit();
                case SCORE -> set.score();
                case GUARD -> set.guard();
              }));
    }
    return streams;
  }

  /** Returns a copy of some parts with memory of its own. */
  Streams copy(Set<Part> parts) {
    Streams copy = new Streams();
    parts.forEach(part -> copy.states.put(part, get(part).copy()));
    return copy;
  }

  /** Returns the states of a part that the stream has. */
  HiddenStates get(Part part) {
    HiddenStates held = states.get(part);
    if (held == null) {
      throw new IllegalStateException("the stream has no part " + part);
    }
    return held;
  }

  /** A block as a function of one part. */
  interface Block {
    HiddenStates run(HiddenStates states);
  }

  /**
   * Runs a block on a part, which then holds the block's output.
   *
   * @return block forwards made: 0 where the stream does not have the part
   */
  int advance(Part part, Block block) {
    HiddenStates old = states.get(part);
    if (old == null) {
      return 0;
    }
    states.put(part, block.run(old));
    old.close();
    return 1;
  }

  @Override
  public void close() {
    states.values().forEach(HiddenStates::close);
  }
}
