package io.calm.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.joining;

import io.calm.artifact.Artifact;
import io.calm.checkpoint.Checkpoint;
import io.calm.cli.models.ModelSource;
import io.calm.files.DjlCache;
import io.calm.quantize.AlgorithmNames;
import io.calm.quantize.QuantizedModelStore;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.model.LmiOptions;
import io.calm.settings.CalmSettings;
import io.calm.settings.ModelProperties;
import io.calm.settings.SettingsException;
import io.calm.text.Printable;
import io.calm.text.ShellWords;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options that name a model and its settings, shared by commands. */
public final class ModelMixin {
  /** A model and its settings. */
  public record Resolved(String name, Path checkpoint, CalmSettings settings, LmiOptions lmi) {
    ModelLoader.Order order() {
      return new ModelLoader.Order(name, checkpoint.toString(), checkpoint, settings, lmi, false);
    }
  }

  private static final String JOB_QUEUE_SIZE = "job_queue_size"; // DJL's, see calm.queue-size

  @Mixin private ModelArgument argument;

  @Option(
      names = {"-s", "--set"},
      paramLabel = "KEY=VALUE",
      description =
          "A calm.* setting, e.g. -s calm.group=128. Overrides model.properties. Repeatable.")
  private final Map<String, String> overrides = new LinkedHashMap<>();

  /** Finds the model and reads its settings. A model with a recipe is downloaded first. */
  public Resolved resolve() throws InterruptedException, IOException {
    return resolve(Map.of());
  }

  /** Does the same. The settings in {@code forced} take precedence over all others. */
  public Resolved resolve(Map<String, String> forced) throws InterruptedException, IOException {
    Map<String, String> winning = new TreeMap<>(overrides);
    winning.putAll(forced);
    requireSettings(winning);
    return read(argument.resolve(new PrintWriter(System.err, true, UTF_8)), winning);
  }

  /**
   * Returns the finished artifact of an opened model.
   *
   * @param path the model's path, for the error message
   * @throws IllegalArgumentException if there is none, or if it is damaged
   */
  Artifact finished(QuantizedModelStore store, Path path, Checkpoint checkpoint) {
    return store
        .find(checkpoint)
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "%s: %s: %s"
                        .formatted(
                            path,
                            store.isPublished(checkpoint)
                                ? "the artifact for these settings is damaged; make it again with"
                                : "no finished artifact for these settings; make one with",
                            ("./calm quantize " + arguments()).strip())));
  }

  /**
   * Returns the model, unless it is the default, and the options {@code -s} as they were given, for
   * other commands in a shell; may be empty.
   */
  String arguments() {
    String chosen = argument.text();
    return ((chosen.isEmpty() ? "" : ShellWords.quoted(chosen)) + options()).strip();
  }

  /** Returns the options {@code -s} as they were given, each after a space, for a shell. */
  String options() {
    return overrides.entrySet().stream()
        .map(setting -> " -s " + ShellWords.quoted(setting.getKey() + "=" + setting.getValue()))
        .collect(joining());
  }

  /**
   * Reads a model's settings. Those in {@code winning} take precedence over its files.
   *
   * @throws SettingsException if a setting is wrong
   */
  static Resolved read(ModelSource source, Map<String, String> winning) throws IOException {
    ModelProperties file = ModelProperties.read(source.properties());
    ModelProperties properties = new ModelProperties(file.directory(), winning).over(file);
    // A directory's own option.model_id may name the checkpoint; a file or a recipe is one itself.
    boolean ownDirectory =
        Files.isDirectory(source.checkpoint()) && source.checkpoint().equals(source.properties());
    Path checkpoint = ownDirectory ? file.checkpoint() : source.checkpoint();
    CalmSettings settings = properties.settings(System.getenv());
    DjlCache.use(
        settings.loading().cacheDir()); // the first model's, before any native library is loaded
    return new Resolved(source.name(), checkpoint, settings, LmiOptions.of(properties.values()));
  }

  /**
   * Refuses the settings of a command line that are wrong whatever the model's files say: keys that
   * a file may have for other programs, unknown keys, and values that are not allowed, which
   * include algorithms that there are not.
   *
   * @throws ArgumentException if there is such a setting
   */
  static void requireSettings(Map<String, String> given) {
    List<String> problems =
        given.keySet().stream()
            .filter(key -> !key.startsWith("calm.") && !key.startsWith("option."))
            .filter(key -> !key.equals(JOB_QUEUE_SIZE))
            .map(
                key ->
                    "expected a key that begins with calm. or option., or job_queue_size, got '%s'; correct it"
                        .formatted(Printable.of(key)))
            .toList();
    if (!problems.isEmpty()) {
      throw new ArgumentException(String.join("\n", problems));
    }
    Map<String, String> settings = new HashMap<>(given);
    // The environment may have it, which this check does not read.
    settings.putIfAbsent("calm.cache-dir", Path.of("").toAbsolutePath().toString());
    try {
      AlgorithmNames.requireKnown(CalmSettings.of(settings, Map.of()).quantization().plan());
    } catch (IllegalArgumentException e) { // a setting or an algorithm that there is not
      throw new ArgumentException(e);
    }
  }
}
