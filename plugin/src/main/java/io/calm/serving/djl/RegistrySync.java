package io.calm.serving.djl;

import io.calm.serving.ModelRegistry;
import java.util.Set;

/**
 * Forgets the models that DJL Serving has unregistered without telling: one whose load failed, or
 * ended only after its name was deleted.
 */
final class RegistrySync {
  private RegistrySync() {}

  static void forget(ModelRegistry ours, DjlModels all) {
    Set<String> names = all.names();
    ours.all().keySet().stream().filter(name -> !names.contains(name)).forEach(ours::remove);
  }
}
