package io.calm.loadtest.trial;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.calm.loadtest.ScriptedServer;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** The whole command, with Gatling, against scripted servers. */
class MainTest {
  @TempDir private Path directory;
  private final StringWriter out = new StringWriter();

  private int run(String... arguments) {
    CommandLine command = Main.command();
    command.setOut(new PrintWriter(out)).setErr(new PrintWriter(out));
    return command.execute(arguments);
  }

  @Test
  void setsServersSideBySide() throws Exception {
    try (ScriptedServer one = ScriptedServer.start(Integer.MAX_VALUE);
        ScriptedServer other = ScriptedServer.start(Integer.MAX_VALUE)) {
      int exit =
          run(
              "first=" + one.url(),
              "<second>=" + other.url(),
              "--users=2",
              "--seconds=2",
              "--rates=4",
              "--max-first-token-ms=10000",
              "--max-inter-token-ms=10000",
              "--words=2..5",
              "--tokens=5..20",
              "--out=" + directory);
      assertEquals(0, exit, out.toString());
    }
    JsonNode summary = new ObjectMapper().readTree(directory.resolve("summary.json").toFile());
    for (int i = 0; i < 2; i++) {
      JsonNode server = summary.at("/servers/" + i);
      assertTrue(server.at("/closed/counts/whole").asLong() > 0, summary.toString());
      assertTrue(server.at("/closed/tokensPerSecond").asDouble() > 0, summary.toString());
      assertEquals(4, server.at("/sweep/highest_rate").asDouble(), summary.toString());
    }
    String page = Files.readString(directory.resolve("summary.html"));
    assertTrue(page.contains("&lt;second&gt;: "), page);
    assertFalse(page.contains("<second>"), page);
    assertFalse(page.matches("(?s).*(src|href)=.*"), "the page loads nothing");
    assertTrue(Files.exists(directory.resolve("first/closed/log.txt")));
    assertTrue(out.toString().contains("of first)"), out.toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"chat", "djl"})
  void everyRequestHasTheSchemaAndTheKeyAndTheSearchEndsInTime(String schema) throws Exception {
    try (ScriptedServer server = ScriptedServer.start(Integer.MAX_VALUE)) {
      int exit =
          run(
              "one=" + server.url(),
              "--schema=" + schema,
              "--api-key=k",
              "--users=1",
              "--seconds=1",
              "--sweep-runs=1",
              "--words=2..5",
              "--tokens=5..20",
              "--out=" + directory);
      assertEquals(0, exit, out.toString());
      assertEquals(Set.of("Bearer k"), server.authorizations());
    }
    JsonNode summary = new ObjectMapper().readTree(directory.resolve("summary.json").toFile());
    assertTrue(summary.at("/servers/0/closed/counts/whole").asLong() > 0, summary.toString());
    assertEquals(1, summary.at("/servers/0/sweep/points").size(), summary.toString());
  }

  @Test
  void aServerThatIsNotThereIsNamedWithTheReason() throws Exception {
    int port;
    try (ServerSocket free = new ServerSocket(0)) {
      port = free.getLocalPort();
    }
    int exit = run("gone=http://127.0.0.1:" + port, "--seconds=1", "--out=" + directory);
    assertEquals(CommandLine.ExitCode.SOFTWARE, exit);
    assertEquals(
        "calm: gone at http://127.0.0.1:%d: the request before the load failed: connection refused"
            .formatted(port),
        out.toString().strip());
    run("gone=http://127.0.0.1:" + port, "-v", "--out=" + directory);
    assertTrue(out.toString().contains("at io.calm.loadtest."), out.toString());
  }

  @Test
  void aPathThatIsNotThereIsNamedWithItsStatus() throws Exception {
    try (ScriptedServer server = ScriptedServer.start(Integer.MAX_VALUE)) {
      int exit = run("one=" + server.url() + "#m", "--schema=djl", "--out=" + directory);
      assertEquals(CommandLine.ExitCode.SOFTWARE, exit);
      assertTrue(out.toString().contains("the request before the load failed: "), out.toString());
      assertTrue(out.toString().contains("404"), out.toString());
    }
  }

  @Test
  void anApiKeyThatIsNoHeaderValueIsNotPrinted() {
    int exit = run("http://127.0.0.1:1", "--api-key=sk-secret\n", "--out=" + directory);
    assertEquals(CommandLine.ExitCode.USAGE, exit);
    assertTrue(out.toString().contains("--api-key: expected printable ASCII"), out.toString());
    assertFalse(out.toString().contains("sk-secret"), out.toString());
  }

  @Test
  void aWrongCallNamesTheHelp() {
    assertEquals(CommandLine.ExitCode.USAGE, run());
    assertTrue(out.toString().strip().endsWith("; see ./calm loadtest --help"), out.toString());
    assertEquals(CommandLine.ExitCode.OK, run("--help"));
    assertTrue(out.toString().contains("Usage: calm loadtest "), out.toString());
  }

  @Test
  void wrongAnswersAreCountedAndEndTheCommandWithOne() throws Exception {
    try (ScriptedServer errs = ScriptedServer.start(10)) {
      int exit =
          run(
              "errs=" + errs.url(),
              "--users=2",
              "--seconds=2",
              "--rates=4",
              "--words=2..5",
              "--tokens=5..20",
              "--out=" + directory);
      assertEquals(CommandLine.ExitCode.SOFTWARE, exit, out.toString());
    }
    String text = out.toString();
    assertTrue(text.matches("(?s).*, [1-9]\\d* wrong answers of \\d+ compared.*"), text);
    assertTrue(text.contains("calm: errs: "), text);
    assertTrue(Files.exists(directory.resolve("summary.html")), text);
  }

  @ParameterizedTest
  @CsvSource({
    "--soak=-1, '--soak: expected at least 0, got -1'",
    "'--rates=1,0', '--rates: expected numbers of at least 0.001, got 0.0'",
    "--rates=NaN, '--rates: expected numbers of at least 0.001, got NaN'",
    "--schema=openapi, '--schema: expected openai, chat or djl, got openapi'",
    "--words=9..2, '--words: expected a number or a range such as 8..64, got 9..2'",
    "--words=many, '--words: expected a number or a range such as 8..64, got many'",
    "--tokens=0, '--tokens: expected a number or a range such as 8..64, got 0'",
    "--users=0, '--users: expected at least 1, got 0'",
    "--seconds=0, '--seconds: expected at least 1, got 0'",
    "--sweep-runs=0, '--sweep-runs: expected at least 1, got 0'",
    "--max-first-token-ms=NaN, '--max-first-token-ms: expected a finite number above 0, got NaN'",
    "--max-first-token-ms=0, '--max-first-token-ms: expected a finite number above 0, got 0.0'",
    "--max-inter-token-ms=NaN, '--max-inter-token-ms: expected a finite number above 0, got NaN'",
    "--max-inter-token-ms=-1, '--max-inter-token-ms: expected a finite number above 0, got -1.0'",
    "--max-inter-token-ms=Infinity, '--max-inter-token-ms: expected a finite number above 0, got Inf'",
  })
  void wrongValuesAreRefusedBeforeTheFirstRun(String option, String message) {
    Path reports = directory.resolve("reports");
    int exit = run("http://127.0.0.1:1", option, "--out=" + reports);
    assertEquals(CommandLine.ExitCode.USAGE, exit, out.toString());
    assertTrue(out.toString().contains("calm: " + message), out.toString());
    assertFalse(Files.exists(reports));
  }

  @Test
  void twoServersOfOneNameAreRefused() {
    int exit = run("http://127.0.0.1:1#m", "http://127.0.0.1:2#m", "--out=" + directory);
    assertEquals(CommandLine.ExitCode.USAGE, exit);
    assertTrue(out.toString().contains("expected different labels, got m twice"), out.toString());
  }
}
