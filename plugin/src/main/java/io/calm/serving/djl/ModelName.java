package io.calm.serving.djl;

import org.jspecify.annotations.Nullable;

/** Names DJL Serving's models, which have a name and an optional version, in our registry. */
final class ModelName {
  private ModelName() {}

  /** Returns {@code name}, or {@code name:version} if the registration has a version. */
  static String of(String name, @Nullable String version) {
    return version == null || version.isEmpty() ? name : name + ":" + version;
  }
}
