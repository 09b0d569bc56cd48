package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.JavaProcess;
import io.calm.testing.Repository;
import java.io.File;
import java.net.URI;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The engine in a program without DJL Serving: {@code examples/djl-criteria}, as it is shipped. */
class StandaloneEngineTest {
  @TempDir private Path directory;

  @Test
  void theExampleAnswersWholeAndStreamedWithoutDjlServingsClasses() throws Exception {
    JavaProcess.Result result =
        JavaProcess.of(
                Repository.path("examples/djl-criteria/Generate.java").toString(),
                Repository.path("models/calm-tiny-llama").toString(),
                "The kernel")
            .classPath(classPathWithoutDjlServing())
            .environment("OPTION_CALM_CACHE_DIR", directory.resolve("cache").toString())
            .run();
    assertEquals(0, result.status(), result::toString);
    List<String> lines = result.output().lines().toList();
    assertEquals(11, lines.size(), lines.toString());
    assertTrue(lines.get(1).startsWith("{\"generated_text\":\""), lines.get(1));
    String whole = lines.get(1).replaceAll("\\{\"generated_text\":(\".*\")}", "$1");
    assertTrue(
        lines.get(10).contains("\"generated_text\":" + whole),
        () -> "the streamed answer is not the whole one: " + lines);
  }

  private static String classPathWithoutDjlServing() {
    List<String> all = classPath();
    List<String> kept =
        all.stream()
            .filter(entry -> !entry.contains("djl-serving-spi"))
            .filter(entry -> !entry.matches(".*[/\\\\](serving|wlm)-[^/\\\\]*[.]jar"))
            .toList();
    assertTrue(kept.size() < all.size(), () -> "expected DJL Serving's types in " + all);
    return String.join(File.pathSeparator, kept);
  }

  /** Returns the class path of the tests, also where a launcher has a class loader of its own. */
  private static List<String> classPath() {
    if (StandaloneEngineTest.class.getClassLoader() instanceof URLClassLoader loader) {
      return Arrays.stream(loader.getURLs())
          .map(url -> Path.of(URI.create(url.toString())).toString())
          .toList();
    }
    String all =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    return List.of(all.split(File.pathSeparator, -1));
  }
}
