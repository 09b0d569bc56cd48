package io.calm.serving.model;

/** Where a model stands between its registration and its answers. */
public sealed interface ModelStatus {

  /** Where the model comes from, as the operator wrote it. */
  String url();

  /** Returns whether requests are answered. */
  default boolean answers() {
    return false;
  }

  /** It is being searched or loaded. */
  record Loading(String url, LoadProgress progress) implements ModelStatus {}

  /** It answers requests, until its loop dies, which it never should. */
  record Ready(ServedModel model) implements ModelStatus {
    @Override
    public String url() {
      return model.url();
    }

    @Override
    public boolean answers() {
      return model.scheduler().failure().isEmpty();
    }
  }

  /** It could not be loaded. */
  record Failed(String url, String reason) implements ModelStatus {}
}
