package io.calm;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The names of the plugin's classes: each stands for one idea, in whichever package. */
class SimpleNamesTest {
  @Test
  void noTwoFilesHaveTheSameName() throws IOException {
    Path root = Repository.path("plugin/src/main/java");
    Map<String, List<String>> packages;
    try (Stream<Path> tree = Files.walk(root)) {
      packages =
          tree.filter(file -> file.toString().endsWith(".java"))
              .filter(file -> !file.endsWith("package-info.java"))
              .collect(
                  Collectors.groupingBy(
                      file -> String.valueOf(file.getFileName()),
                      TreeMap::new,
                      Collectors.mapping(
                          file -> root.relativize(file).toString(), Collectors.toList())));
    }
    packages.values().removeIf(files -> files.size() == 1);
    assertEquals(Map.of(), packages, "rename the younger one");
  }
}
