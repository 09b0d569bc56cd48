package io.calm.settings;

import io.calm.files.UserHome;
import io.calm.text.Printable;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;

/**
 * Looks up the values of one model's keys by precedence. Collects all problems before it reports
 * them.
 */
final class SettingValues {
  private static final String VARIABLE_PREFIX = "OPTION_CALM_";

  private final Map<String, String> properties;
  private final Map<String, String> environment;
  private final List<String> problems = new ArrayList<>();
  private final Map<String, String> texts = new TreeMap<>();

  SettingValues(Map<String, String> properties, Map<String, String> environment) {
    this.properties = Map.copyOf(properties);
    this.environment = Map.copyOf(environment);
    refuseUnknown();
  }

  <T> T get(SettingKey<T> key) {
    return valueOf(key, given(key));
  }

  private <T> T valueOf(SettingKey<T> key, Optional<Given> given) {
    texts.put(key.name(), given.map(Given::text).orElseGet(key::defaultText).strip());
    return given.flatMap(value -> parse(key, value)).orElseGet(key::defaultValue);
  }

  /** Returns the value of every key that was read, as text, in the order of the table. */
  Map<String, String> texts() {
    Map<String, String> ordered = new LinkedHashMap<>();
    SettingKeys.all()
        .keySet()
        .forEach(
            name ->
                Optional.ofNullable(texts.get(name)).ifPresent(text -> ordered.put(name, text)));
    return Collections.unmodifiableMap(ordered);
  }

  /**
   * Returns the value as {@link #get} does, but prefers the operator's own setting of the same
   * thing to the default.
   */
  <T> T getOrOperators(SettingKey<T> key, String property, String variable) {
    Optional<Given> operators =
        property(property).or(() -> variable(variable).filter(given -> !given.text().isBlank()));
    return valueOf(key, given(key).or(() -> operators));
  }

  Path cacheDir() {
    Optional<Path> xdg =
        variable("XDG_CACHE_HOME")
            .flatMap(given -> SettingKeys.CACHE_DIR.parse(given.text()))
            .filter(Path::isAbsolute)
            .map(path -> path.resolve("calm"));
    Optional<Given> given = given(SettingKeys.CACHE_DIR);
    if (UserHome.find().isEmpty()
        && given.map(value -> value.text().strip().startsWith("~")).orElse(xdg.isEmpty())) {
      problems.add(
          "%s: expected a directory, since this user has no home directory (%s); set it, or %s in the environment (CALM_CACHE for ./calm), to an absolute path"
              .formatted(
                  SettingKeys.CACHE_DIR.name(),
                  UserHome.describe(),
                  SettingKeys.CACHE_DIR.environmentVariable()));
    }
    return given
        .flatMap(value -> parse(SettingKeys.CACHE_DIR, value))
        .or(() -> xdg)
        .orElseGet(SettingKeys.CACHE_DIR::defaultValue)
        .toAbsolutePath()
        .normalize();
  }

  /** Adds a problem that concerns several keys. */
  void refuse(String problem) {
    problems.add(problem);
  }

  void refuseProblems() {
    if (!problems.isEmpty()) {
      throw new SettingsException(problems);
    }
  }

  private void refuseUnknown() {
    refuseUnknown(properties, SettingKey.PREFIX, SettingKey::name);
    refuseUnknown(properties, SettingKey.OPTION_PREFIX, SettingKey::optionKey);
    refuseUnknown(environment, VARIABLE_PREFIX, SettingKey::environmentVariable);
  }

  private void refuseUnknown(
      Map<String, String> source, String prefix, Function<SettingKey<?>, String> spelling) {
    List<String> known = SettingKeys.all().values().stream().map(spelling).toList();
    new TreeMap<>(source)
        .forEach(
            (name, value) -> {
              if (name.startsWith(prefix) && !known.contains(name)) {
                problems.add(unknown(name, value, known));
              }
            });
  }

  private static String unknown(String name, String value, List<String> known) {
    return "%s: there is no such key (its value is '%s'); %s"
        .formatted(
            Printable.of(name),
            Printable.of(value),
            EditDistance.nearest(name, known)
                .map(key -> "did you mean " + key + "?")
                .orElseGet(() -> "the keys are " + String.join(", ", known)));
  }

  private <T> Optional<T> parse(SettingKey<T> key, Given given) {
    Optional<T> value = key.parse(given.text());
    if (value.isEmpty()) {
      problems.add(
          "%s: expected %s, got '%s'; the default is %s"
              .formatted(
                  given.where(), key.allowed(), Printable.of(given.text()), key.defaultText()));
    }
    return value;
  }

  private Optional<Given> given(SettingKey<?> key) {
    return property(key.name())
        .or(() -> property(key.optionKey()))
        .or(() -> variable(key.environmentVariable()));
  }

  private Optional<Given> property(String name) {
    return Optional.ofNullable(properties.get(name)).map(text -> new Given(name, text));
  }

  private Optional<Given> variable(String name) {
    return Optional.ofNullable(environment.get(name)).map(text -> new Given(name, text));
  }

  /** A value with the name under which it was given. */
  private record Given(String where, String text) {}
}
