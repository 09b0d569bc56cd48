package io.calm.serving.model;

import java.util.Optional;

/** The model that has replaced another one after a search; none at first. Thread safe. */
public final class Replacement {
  private volatile Optional<ServedModel> model = Optional.empty();

  /** Returns the replacement, if there is one yet. */
  Optional<ServedModel> model() {
    return model;
  }

  void set(ServedModel next) {
    model = Optional.of(next);
  }
}
