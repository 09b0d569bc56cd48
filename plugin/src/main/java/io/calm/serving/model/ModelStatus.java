package io.calm.serving.model;

import io.calm.compare.ShadowShare;
import io.calm.generate.SchedulerStats;
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
   * @param predecessor model that answered during the search of this one; empty if there was none
   */
  record Ready(
      ServedModel model, Optional<BackgroundSearch> search, Optional<Predecessor> predecessor)
      implements ModelStatus {
    public Ready(ServedModel model) {
      this(model, Optional.empty(), Optional.empty());
    }

    Ready(ServedModel model, BackgroundSearch search) {
      this(model, Optional.of(search), Optional.empty());
    }

    /**
     * Returns the load of the model by all of its requests: those on the served plan, those on its
     * uniform twin, and those that still run on the model that it replaced.
     */
    public SchedulerStats load() {
      SchedulerStats load = model.scheduler().stats();
      Optional<ShadowShare.Twin> twin = model.comparison().shadow().started();
      if (twin.isPresent()) {
        load = load.plus(twin.get().stats());
      }
      return predecessor.isPresent() ? load.plus(predecessor.get().stats()) : load;
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
