package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.testing.Repository;
import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
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

  private record Run(int status, String output) {}

  private Run promtool(Optional<Path> input, String... arguments) throws Exception {
    Path output = directory.resolve("output");
    ProcessBuilder builder =
        new ProcessBuilder(new ArrayList<>(List.of(arguments)))
            .redirectErrorStream(true)
            .redirectOutput(output.toFile());
    builder.command().add(0, promtool.toString());
    input.ifPresent(file -> builder.redirectInput(file.toFile()));
    Process process = builder.start();
    try {
      assertTrue(process.waitFor(1, TimeUnit.MINUTES), "promtool hangs");
    } finally {
      process.destroyForcibly();
    }
    return new Run(process.exitValue(), Files.readString(output, StandardCharsets.UTF_8));
  }

  private void assertAccepts(String command, String subject, String file) throws Exception {
    Run run = promtool(Optional.empty(), command, subject, Repository.path(file).toString());
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
    assertEquals(new Run(0, ""), promtool(Optional.of(scrape), "check", "metrics"));
  }

  @Test
  void whatIsWrongIsFound() throws Exception {
    Path broken = Files.writeString(directory.resolve("broken"), "calm_seconds{model=} 1\n");
    assertTrue(promtool(Optional.of(broken), "check", "metrics").status() != 0);
  }
}
