package io.calm.search;

import io.calm.calibration.CalibrationSet;
import io.calm.replay.HiddenStates;
import io.calm.replay.ReferenceModel;
import io.calm.tensor.Owned;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;

/**
 * The hidden states of one model at one depth, over the parts of the calibration set that are in
 * use.
 */
final class Streams implements AutoCloseable {
  private final Map<Part, HiddenStates> states = new EnumMap<>(Part.class);

  private Streams() {}

  /** A part of the calibration set. */
  enum Part {
    FIT,
    SCORE,
    GUARD
  }

  /** Returns hidden states of no parts. */
  static Streams none() {
    return new Streams();
  }

  /** Returns the embeddings of the tokens of {@code parts}. */
  static Streams embed(ReferenceModel model, CalibrationSet set, Set<Part> parts) {
    return of(
        parts,
        part ->
            model.embed(
                switch (part) {
                  case FIT -> set.fit();
                  case SCORE -> set.score();
                  case GUARD -> set.guard();
                }));
  }

  private static Streams of(Set<Part> parts, Function<Part, HiddenStates> states) {
    Streams streams = new Streams();
    try (Owned opening = new Owned()) {
      opening.add(streams, streams::close);
      parts.forEach(part -> streams.states.put(part, states.apply(part)));
      opening.handOver();
    }
    return streams;
  }

  /** Returns a copy of some parts that shares no memory with this object. */
  Streams copy(Set<Part> parts) {
    return of(parts, part -> get(part).copy());
  }

  /** Returns whether the stream has a part. */
  boolean has(Part part) {
    return states.containsKey(part);
  }

  /** Returns the states of a part. */
  HiddenStates get(Part part) {
    HiddenStates held = states.get(part);
    if (held == null) {
      throw new IllegalStateException("the stream has no part " + part);
    }
    return held;
  }

  /** A block as a function of hidden states. */
  interface Block {
    HiddenStates run(HiddenStates states);
  }

  /**
   * Replaces the states of a part by the output of a block.
   *
   * @return number of block forwards: 0 if the part is absent
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

  /** Closes the states of a part, which is absent from now on; nothing happens if it was. */
  void drop(Part part) {
    HiddenStates held = states.remove(part);
    if (held != null) {
      held.close();
    }
  }

  @Override
  public void close() {
    states.values().forEach(HiddenStates::close);
  }
}
