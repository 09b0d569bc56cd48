package io.calm.settings;

import io.calm.text.Printable;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The properties beside a model: {@code model.properties}, which belongs to the model, and {@code
 * serving.properties}, which belongs to the operator and takes precedence.
 *
 * @param directory directory of the files; relative paths start there
 * @param values the entries of both files
 * @param files the file that each entry was read from; others have none
 */
public record ModelProperties(Path directory, Map<String, String> values, Map<String, Path> files) {
  private static final Logger logger = LoggerFactory.getLogger(ModelProperties.class);
  private static final String MODEL_ID = "option.model_id";

  /** Maximum size of a file, many times that of all settings. */
  private static final int MAX_BYTES = 1 << 20;

  /** Maximum length of a path in a message. */
  private static final int MAX_PATH = 1000;

  /** Keys that protect the server or name its directories. */
  private static final List<SettingKey<?>> SERVER_KEYS =
      List.of(SettingKeys.CACHE_DIR, SettingKeys.TOKENIZER_PROBE, SettingKeys.PAGE);

  public ModelProperties {
    values = Collections.unmodifiableMap(new TreeMap<>(values));
    files = Map.copyOf(files);
  }

  /** Creates properties that were not read from files. */
  public ModelProperties(Path directory, Map<String, String> values) {
    this(directory, values, Map.of());
  }

  /**
   * Reads the files in the directory of a model, or in the directory that contains a model file. A
   * missing file counts as empty.
   *
   * @throws IOException if an existing file cannot be read
   */
  public static ModelProperties read(Path model) throws IOException {
    Path absolute = model.toAbsolutePath();
    Path parent = absolute.getParent();
    Path directory = Files.isDirectory(absolute) || parent == null ? absolute : parent;
    Map<String, String> values = new TreeMap<>();
    Map<String, Path> files = new TreeMap<>();
    for (String file : List.of("model.properties", "serving.properties")) {
      Map<String, String> own = load(directory.resolve(file));
      own.forEach((key, value) -> override(values, key, value, directory.resolve(file)));
      values.putAll(own);
      own.keySet().forEach(key -> files.put(key, directory.resolve(file)));
    }
    return new ModelProperties(directory, values, files);
  }

  /** Drops a setting of an earlier file in both of its spellings, and logs another value. */
  private static void override(Map<String, String> earlier, String key, String value, Path file) {
    for (String spelling : SettingKeys.ownSpellings(key)) {
      String before = earlier.remove(spelling);
      if (before != null && !before.equals(value)) {
        logger.info(
            "{}: {}={} overrides {}={}",
            file,
            Printable.of(key),
            Printable.of(value),
            Printable.of(spelling),
            Printable.of(before));
      }
    }
  }

  private static Map<String, String> load(Path file) throws IOException {
    Properties properties = new Properties();
    if (Files.isRegularFile(file)) {
      requireSmall(file);
      try (Reader reader = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
        skipByteOrderMark(reader);
        properties.load(reader);
      } catch (CharacterCodingException e) {
        throw malformed(file, "other bytes");
      } catch (IllegalArgumentException e) {
        throw malformed(file, "an incomplete \\u escape");
      }
    }
    Map<String, String> values = new TreeMap<>();
    properties.stringPropertyNames().forEach(k -> values.put(k, properties.getProperty(k).strip()));
    return values;
  }

  /** Skips the mark that some editors write; it would become a part of the first key. */
  private static void skipByteOrderMark(Reader reader) throws IOException {
    reader.mark(1);
    if (reader.read() != '\ufeff') {
      reader.reset();
    }
  }

  private static SettingsException malformed(Path file, String got) {
    return new SettingsException(
        List.of(
            "%s: expected a properties file in UTF-8, got %s; repair or remove it"
                .formatted(Printable.of(file, MAX_PATH), got)));
  }

  private static void requireSmall(Path file) throws IOException {
    long bytes = Files.size(file);
    if (bytes > MAX_BYTES) {
      throw new SettingsException(
          List.of(
              "%s: expected at most %d bytes, got %d; repair or remove it"
                  .formatted(Printable.of(file, MAX_PATH), MAX_BYTES, bytes)));
    }
  }

  /**
   * Returns these properties and those of {@code lower} that are not here. A setting that is here
   * in one spelling hides all spellings of it there.
   */
  public ModelProperties over(Map<String, String> lower) {
    return over(new ModelProperties(directory, lower));
  }

  /** Does the same with properties that may come from files. */
  public ModelProperties over(ModelProperties lower) {
    Map<String, String> all = new TreeMap<>(lower.values);
    values.keySet().forEach(key -> all.keySet().removeAll(SettingKeys.spellings(key)));
    Map<String, Path> origins = new TreeMap<>(lower.files);
    origins.keySet().retainAll(all.keySet());
    all.putAll(values);
    values.keySet().forEach(origins::remove);
    origins.putAll(files);
    return new ModelProperties(directory, all, origins);
  }

  /**
   * Returns the settings, with paths made absolute.
   *
   * @throws SettingsException as {@link CalmSettings#of}
   */
  public CalmSettings settings(Map<String, String> environment) {
    Map<String, String> resolved = new TreeMap<>(values);
    for (String name : SettingKeys.ownSpellings(SettingKeys.CALIBRATION.name())) {
      resolved.computeIfPresent(name, (key, value) -> absolute(value));
    }
    try {
      return CalmSettings.of(resolved, environment);
    } catch (SettingsException e) {
      throw new SettingsException(e.problems().stream().map(this::withFile).toList());
    }
  }

  /** Returns a problem with the file in front of it that has its key. */
  private String withFile(String problem) {
    return Optional.ofNullable(files.get(problem.replaceFirst("(?s):.*", "")))
        .map(file -> Printable.of(file, MAX_PATH) + ": " + problem)
        .orElse(problem);
  }

  /**
   * Refuses keys that only the operator may set. Called for a model that a client registers,
   * because neither its directory nor the request is trusted.
   *
   * @throws SettingsException if there is such a key
   */
  public void refuseServerKeys() {
    List<String> problems =
        SERVER_KEYS.stream()
            .flatMap(
                key ->
                    Stream.of(key.name(), key.optionKey())
                        .filter(values::containsKey)
                        .map(
                            name ->
                                "%s: expected it in the server's environment (%s), got '%s' with a model that is registered over HTTP; remove it there"
                                    .formatted(
                                        name,
                                        key.environmentVariable(),
                                        Printable.of(values.get(name)))))
            .toList();
    if (!problems.isEmpty()) {
      throw new SettingsException(problems);
    }
  }

  private String absolute(String calibration) {
    return SettingKeys.CALIBRATION
        .parse(calibration)
        .flatMap(file -> file)
        .map(file -> directory.resolve(file).normalize().toString())
        .orElse(calibration);
  }

  /**
   * Returns the path of the checkpoint: {@code option.model_id} if it names a local file or
   * directory, else this directory. A leading {@code ~} is the user's home.
   */
  public Path checkpoint() {
    return Optional.ofNullable(values.get(MODEL_ID))
        .filter(id -> !id.contains("://"))
        .map(id -> directory.resolve(ValueParsers.home(id)).normalize())
        .orElse(directory);
  }
}
