package io.calm.serving.djl;

import io.calm.serving.LmiOptions;
import io.calm.serving.LoadProgress;
import io.calm.serving.ServedModel;
import io.calm.serving.settings.CalmSettings;
import java.io.IOException;
import java.nio.file.Path;

/** Makes a served model of a checkpoint: searches, or loads what was found before. */
@FunctionalInterface
public interface LoadModel {

  /**
   * Loads a model; takes as long as its search.
   *
   * @throws IOException if a file cannot be read or the cache cannot be written
   * @throws RuntimeException if the checkpoint or a setting cannot be used, with its reason
   */
  ServedModel load(Order order) throws IOException, InterruptedException;

  /**
   * What is to be loaded.
   *
   * @param name as in URLs
   * @param url where it came from, as the operator wrote it
   * @param checkpoint directory or file
   * @param progress where the loader reports
   */
  record Order(
      String name,
      String url,
      Path checkpoint,
      CalmSettings settings,
      LmiOptions lmi,
      LoadProgress progress) {}
}
