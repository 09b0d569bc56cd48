package io.calm.testing;

import io.calm.settings.CalmSettings;
import java.util.HashMap;
import java.util.Map;

/** Settings of tests: those of a test class, and over them those of a single test. */
public final class TestSettings {
  private TestSettings() {}

  /**
   * Returns settings.
   *
   * @param values of all tests of a class
   * @param keysAndValues keys and values in turns, which replace those of {@code values}
   */
  public static CalmSettings of(Map<String, String> values, String... keysAndValues) {
    Map<String, String> all = new HashMap<>(values);
    for (int i = 0; i < keysAndValues.length; i += 2) {
      all.put(keysAndValues[i], keysAndValues[i + 1]);
    }
    return CalmSettings.of(all, Map.of());
  }
}
