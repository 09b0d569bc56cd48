package io.calm.serving.load;

import java.io.IOException;
import java.util.Map;

/** Finds the model of a registration. */
@FunctionalInterface
public interface ModelFinder {

  /**
   * Returns the order to load a model.
   *
   * @param name name in URLs
   * @param url a local path or a {@code file:} URL
   * @param overrides properties that take precedence over those of the model's files
   * @throws io.calm.serving.reply.ApiException if the URL is not local, or the file does not exist
   * @throws io.calm.settings.SettingsException if a setting cannot be used
   * @throws IOException if a properties file cannot be read
   */
  ModelLoader.Order find(String name, String url, Map<String, String> overrides) throws IOException;
}
