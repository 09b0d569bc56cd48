package io.calm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The width of C sources, which no formatter checks. */
class NativeSourceTest {
  private static final int COLUMNS = 100;
  private static final List<String> ROOTS =
      List.of("plugin/src/main/native", "plugin/src/test/native", "bench/src/main/native");
  private static final Pattern SOURCE = Pattern.compile(".*\\.(c|h|cpp|cu)");

  @Test
  void linesHaveAtMost100Columns() throws IOException {
    List<String> wide = new ArrayList<>();
    int files = 0;
    for (String root : ROOTS) {
      for (Path file : sources(Repository.path(root))) {
        files++;
        List<String> lines = Files.readAllLines(file);
        for (int i = 0; i < lines.size(); i++) {
          if (lines.get(i).length() > COLUMNS) {
            wide.add("%s:%d: %d columns".formatted(file, i + 1, lines.get(i).length()));
          }
        }
      }
    }
    assertTrue(files > 20, "found %d files".formatted(files));
    assertEquals(List.of(), wide);
  }

  private static List<Path> sources(Path root) throws IOException {
    try (Stream<Path> tree = Files.walk(root)) {
      return tree.filter(file -> SOURCE.matcher(file.toString()).matches()).sorted().toList();
    }
  }
}
