package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.search.Progress;
import io.calm.testing.Program;
import io.calm.testing.Repository;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * The page in Chromium, driven by Playwright: a search, an answer, both color schemes, the width of
 * a phone, the keyboard, and axe-core. Skipped where there is no Chromium, or no {@code
 * CALM_TEST_NODE} with {@code playwright-core} and {@code axe-core}.
 */
@Tag("browser")
class PageBrowserTest {
  private static TestHost host = TestHost.closed();

  @BeforeAll
  static void start() throws Exception {
    Path chromium = Path.of(System.getenv().getOrDefault("CHROMIUM", "/usr/bin/chromium"));
    assumeTrue(
        Files.isExecutable(chromium), "no browser at %s: set CHROMIUM to one".formatted(chromium));
    host = TestHost.start();
    host.serve("scripted");
    host.registry()
        .loading("searching", "file:/models/searching")
        .accept(
            new Progress.Searching(
                new Progress.Position(2, 8),
                new Progress.Attempt("gptq", 1, 4),
                new Progress.Scores(9, 0.99871, "rtn"),
                188));
  }

  @AfterAll
  static void stop() {
    host.close();
  }

  @Test
  void thePageWorksInABrowser() throws Exception {
    Path script = Repository.path("plugin/src/test/node/page.mjs");
    Program run = Program.node("playwright-core and node_modules/axe-core", script, host.url());
    assertEquals("ok", run.output().strip());
    assertEquals(0, run.status());
  }
}
