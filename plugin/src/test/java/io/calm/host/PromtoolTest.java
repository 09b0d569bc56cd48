package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.testing.Program;
import io.calm.testing.Repository;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Configuration, rules and a real scrape, in Prometheus's own {@code promtool}. */
@Tag("prometheus")
class PromtoolTest {
  private static final String PROMETHEUS = "serving-config/prometheus/";

  private static Path promtool = Path.of("promtool");

  @TempDir private Path directory;

  @BeforeAll
  static void find() {
    Optional<Path> found =
        Arrays.stream(System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1))
            .filter(entry -> !entry.isEmpty())
            .map(entry -> Path.of(entry, "promtool"))
            .filter(Files::isExecutable)
            .findFirst();
    assumeTrue(found.isPresent(), "no promtool on PATH: install the package prometheus");
    promtool = found.orElseThrow();
  }

  private static Program promtool(Optional<Path> input, String... arguments) throws Exception {
    ProcessBuilder builder = new ProcessBuilder(promtool.toString());
    builder.command().addAll(List.of(arguments));
    input.ifPresent(file -> builder.redirectInput(file.toFile()));
    return Program.run(builder);
  }

  private void assertAccepts(String command, String subject, String file) throws Exception {
    Program run = promtool(Optional.empty(), command, subject, Repository.path(file).toString());
    assertEquals(0, run.status(), run.output());
    assertTrue(run.output().contains("SUCCESS"), run.output());
  }

  @Test
  void acceptsTheConfigurationWithItsRules() throws Exception {
    assertAccepts("check", "config", PROMETHEUS + "prometheus.yml");
  }

  @Test
  void acceptsTheRules() throws Exception {
    assertAccepts("check", "rules", PROMETHEUS + "alerts.yml");
  }

  @Test
  void theRulesFireWhereTheyShouldAndNowhereElse() throws Exception {
    assertAccepts("test", "rules", "plugin/src/test/resources/prometheus/alerts-test.yml");
  }

  @Test
  void aRealScrapeHasNothingToCriticize() throws Exception {
    Path scrape = directory.resolve("scrape");
    try (TinyServer server = TinyServer.start(directory.resolve("cache"))) {
      Files.writeString(scrape, server.scrape());
    }
    assertEquals(new Program(0, ""), promtool(Optional.of(scrape), "check", "metrics"));
  }

  @Test
  void whatIsWrongIsFound() throws Exception {
    Path broken = Files.writeString(directory.resolve("broken"), "calm_seconds{model=} 1\n");
    assertTrue(promtool(Optional.of(broken), "check", "metrics").status() != 0);
  }
}
