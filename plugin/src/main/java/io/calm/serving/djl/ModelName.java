package io.calm.serving.djl;

import org.jspecify.annotations.Nullable;

/** How a model of DJL Serving, which has a name and perhaps a version, is named in our registry. */
final class ModelName {
  private ModelName() {}

  /** Returns {@code name}, or {@code name:version} where the registration named a version. */
  static String of(String name, @Nullable String version) {
    return version == null || version.isEmpty() ? name : name + ":" + version;
  }
}
