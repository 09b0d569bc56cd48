package io.calm.serving.model;

import java.util.Optional;

/** The state of a registered model. */
public sealed interface ModelStatus {

  /** Returns the origin of the model, as the operator wrote it. */
  String url();

  /** Returns whether the model answers requests. */
  default boolean answers() {
    return false;
  }

  /** The model is being quantized or loaded. */
  record Loading(String url, LoadProgress progress) implements ModelStatus {}

  /**
   * The model answers requests, unless its scheduler has failed.
   *
   * @param search search of the model that will replace this one; empty if there is none
   */
  record Ready(ServedModel model, Optional<BackgroundSearch> search) implements ModelStatus {
    public Ready(ServedModel model) {
      this(model, Optional.empty());
    }

    @Override
    public String url() {
      return model.url();
    }

    @Override
    public boolean answers() {
      return model.scheduler().failure().isEmpty();
    }
  }

  /** The model could not be loaded. */
  record Failed(String url, String reason) implements ModelStatus {}
}
