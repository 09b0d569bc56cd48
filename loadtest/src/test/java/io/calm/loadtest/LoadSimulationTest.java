package io.calm.loadtest;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Gatling itself, for two seconds against a scripted server. */
class LoadSimulationTest {
  @TempDir private Path results;

  private record Run(int exit, String output) {}

  private Run run(ScriptedServer server, String... properties)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-Xmx256m", "-XX:TieredStopAtLevel=1", "--add-opens=java.base/java.lang=ALL-UNNAMED"));
    command.addAll(List.of(properties));
    command.addAll(
        List.of(
            "-DbaseUrl=" + server.url(),
            "-Dseconds=2",
            "-Ddeck=3",
            "-Dwords=2..5",
            "-Dtokens=5..20",
            "-cp",
            System.getProperty("java.class.path"),
            "io.gatling.app.Gatling",
            "-s",
            LoadSimulation.class.getName(),
            "-rf",
            results.toString()));
    Path log = results.resolve("log");
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    try {
      int exit = process.waitFor(); // a read of a pipe could not be interrupted
      return new Run(exit, Files.readString(log));
    } finally {
      process.destroyForcibly();
    }
  }

  @Test
  void aServerThatIsRightPassesAndLeavesAReport() throws Exception {
    try (ScriptedServer server = ScriptedServer.start(Integer.MAX_VALUE)) {
      Run run = run(server, "-Dprofile=closed", "-Dusers=4", "-DhangUps=0.3", "-Dbaseline=true");
      assertEquals(0, run.exit(), run.output());
      for (String line :
          List.of(
              " 0 refused, 0 failed, 0 wrong, 0 lost",
              "holds     no answer is wrong",
              "holds     the server is idle after",
              " x the tokens of one stream")) {
        assertTrue(run.output().contains(line), line + " is missing in\n" + run.output());
      }
      assertTrue(server.hangUps() > 0, run.output());
      try (Stream<Path> files = Files.walk(results)) {
        assertTrue(files.anyMatch(file -> file.endsWith("index.html")), run.output());
      }
    }
  }

  @Test
  void aServerThatIsWrongUnderLoadFailsTheRun() throws Exception {
    try (ScriptedServer server = ScriptedServer.start(10)) {
      Run run = run(server, "-Dprofile=open", "-Drate=20", "-Dchecked=1");
      assertNotEquals(0, run.exit(), run.output());
      assertTrue(run.output().contains("DOES NOT  no answer is wrong"), run.output());
    }
  }
}
