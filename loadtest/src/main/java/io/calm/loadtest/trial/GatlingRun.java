package io.calm.loadtest.trial;

import io.calm.loadtest.LoadSimulation;
import io.calm.loadtest.figures.RunResult;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A run of the simulation in a JVM of its own, because Gatling ends its process. Standard output
 * and error go to {@code log.txt} beside Gatling's report.
 */
final class GatlingRun {
  /** Time beyond the load for the start, the requests alone, the last answers and the report. */
  private static final long MARGIN_SECONDS = 900;

  private final Map<String, String> common;
  private final String apiKey;

  /**
   * Creates a run.
   *
   * @param common properties of every run, see README.md
   * @param apiKey bearer token, empty for none; passed in the environment, where others cannot see
   *     it
   */
  GatlingRun(Map<String, String> common, String apiKey) {
    this.common = Map.copyOf(common);
    this.apiKey = apiKey;
  }

  /**
   * Runs the simulation and returns its figures, also if a claim of the run does not hold.
   *
   * @param properties properties of this run, which include {@code seconds}
   * @param directory directory of the report, which is created
   * @throws IOException if the run ends without figures
   */
  RunResult run(Contender contender, Map<String, String> properties, Path directory)
      throws IOException, InterruptedException {
    Path result = Files.createDirectories(directory).resolve("figures.json");
    Files.deleteIfExists(result);
    Path log = directory.resolve("log.txt");
    ProcessBuilder builder =
        new ProcessBuilder(command(contender, properties, directory, result))
            .redirectErrorStream(true)
            .redirectOutput(log.toFile());
    builder.environment().put("CALM_API_KEY", apiKey);
    Process process = builder.start();
    Thread kill = new Thread(process::destroyForcibly, "loadtest-kill");
    Runtime.getRuntime().addShutdownHook(kill);
    try {
      long limit = Long.parseLong(properties.getOrDefault("seconds", "30")) + MARGIN_SECONDS;
      if (!process.waitFor(limit, TimeUnit.SECONDS)) {
        throw new IOException(
            "%s: the run did not end within %d s; see %s".formatted(contender.label(), limit, log));
      }
    } finally {
      process.destroyForcibly();
      Runtime.getRuntime().removeShutdownHook(kill);
    }
    if (!Files.exists(result)) {
      throw new IOException(
          "%s at %s: the run has no figures, because a request failed before the load; see %s"
              .formatted(contender.label(), contender.url(), log));
    }
    return RunResult.read(result);
  }

  private List<String> command(
      Contender contender, Map<String, String> properties, Path directory, Path result) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx512m", "--add-opens=java.base/java.lang=ALL-UNNAMED"));
    common.forEach((key, value) -> command.add("-D" + key + "=" + value));
    properties.forEach((key, value) -> command.add("-D" + key + "=" + value));
    command.add("-DbaseUrl=" + contender.url());
    command.add("-Dmodel=" + contender.model());
    command.add("-Dresult=" + result);
    command.addAll(List.of("-cp", System.getProperty("java.class.path")));
    command.addAll(
        List.of(
            "io.gatling.app.Gatling",
            "-s",
            LoadSimulation.class.getName(),
            "-rf",
            directory.toAbsolutePath() + File.separator));
    return command;
  }
}
