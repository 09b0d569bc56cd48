package io.calm.settings;

import java.util.Map;

/**
 * The {@code calm.*} settings of the server, which belong to no model.
 *
 * @param page whether {@code GET /calm} shows the page
 */
public record ServerSettings(boolean page) {

  /**
   * Reads the settings with the precedence of {@link CalmSettings#of}.
   *
   * @throws SettingsException if a {@code calm.*} key is unknown or a value is not allowed
   */
  public static ServerSettings of(Map<String, String> properties, Map<String, String> environment) {
    SettingValues values = new SettingValues(properties, environment);
    ServerSettings settings = new ServerSettings(values.get(SettingKeys.PAGE));
    values.refuseProblems();
    return settings;
  }
}
