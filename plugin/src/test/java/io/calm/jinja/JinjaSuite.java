package io.calm.jinja;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.testing.Repository;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BiConsumer;
import java.util.stream.Stream;

/** The templates, conversations and goldens below {@code src/test/resources/jinja}. */
final class JinjaSuite {
  static final Path DIRECTORY = Repository.path("plugin/src/test/resources/jinja");

  private JinjaSuite() {}

  /** Returns the variables of every conversation by its name. */
  static Map<String, Map<String, Object>> conversations() {
    Map<String, Map<String, Object>> conversations = new LinkedHashMap<>();
    json("conversations.json")
        .entrySet()
        .forEach(
            entry ->
                conversations.put(
                    entry.getKey(), JsonVariables.of(entry.getValue().getAsJsonObject())));
    return conversations;
  }

  /** Returns the chat templates by name. */
  static Map<String, String> constructs() throws IOException {
    Map<String, String> templates = new TreeMap<>();
    try (Stream<Path> files = Files.list(DIRECTORY.resolve("constructs"))) {
      for (Path file : files.toList()) {
        templates.put(
            file.getFileName().toString().replaceFirst("\\.jinja$", ""), Files.readString(file));
      }
    }
    return templates;
  }

  /** Returns the small templates by {@code group/name}. */
  static Map<String, String> features() {
    Map<String, String> templates = new LinkedHashMap<>();
    forEachFeature((name, feature) -> templates.put(name, feature.get("template").getAsString()));
    return templates;
  }

  /** Returns Python's outcomes of a suite by template and conversation. */
  static Map<String, Map<String, Outcome>> goldens(String suite) {
    Map<String, Map<String, Outcome>> goldens = new LinkedHashMap<>();
    json("goldens/" + suite + ".json")
        .entrySet()
        .forEach(
            template -> {
              Map<String, Outcome> outcomes = new LinkedHashMap<>();
              template
                  .getValue()
                  .getAsJsonObject()
                  .entrySet()
                  .forEach(
                      outcome ->
                          outcomes.put(
                              outcome.getKey(),
                              Outcome.read(outcome.getValue().getAsJsonObject())));
              goldens.put(template.getKey(), outcomes);
            });
    return goldens;
  }

  /** Returns the names of the features that the engine refuses although Python has them. */
  static Set<String> refusedFeatures() {
    Set<String> names = new HashSet<>();
    forEachFeature(
        (name, feature) -> {
          if (feature.has("refused")) {
            names.add(name);
          }
        });
    return names;
  }

  private static void forEachFeature(BiConsumer<String, JsonObject> action) {
    json("features.json")
        .entrySet()
        .forEach(
            group -> {
              for (JsonElement element : group.getValue().getAsJsonArray()) {
                JsonObject feature = element.getAsJsonObject();
                action.accept(group.getKey() + "/" + feature.get("name").getAsString(), feature);
              }
            });
  }

  static JsonObject json(String name) {
    try {
      return JsonParser.parseString(Files.readString(DIRECTORY.resolve(name))).getAsJsonObject();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
