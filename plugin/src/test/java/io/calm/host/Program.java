package io.calm.host;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A run of another program, and what it printed. */
record Program(int exit, String output) {
  private static final String PYTHON = System.getenv().getOrDefault("CALM_TEST_PYTHON", "python3");

  static Program run(Map<String, String> environment, List<String> command) {
    try {
      ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
      builder.environment().putAll(environment);
      Process process = builder.start();
      String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      return new Program(process.waitFor(), output);
    } catch (IOException e) {
      return new Program(-1, String.valueOf(e.getMessage()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return new Program(-1, "interrupted");
    }
  }

  /** Runs Python, or skips the test where it lacks a package. */
  static Program python(String needed, Map<String, String> environment, List<String> arguments) {
    Program probe = run(Map.of(), List.of(PYTHON, "-c", "import " + needed));
    assumeTrue(
        probe.exit() == 0,
        "no Python with the package %s: set CALM_TEST_PYTHON to one that has it".formatted(needed));
    return run(environment, with(PYTHON, arguments));
  }

  /** Runs Node with the directory {@code CALM_TEST_NODE}, or skips the test without it. */
  static Program node(String needed, Path script, String argument) {
    String modules = System.getenv().getOrDefault("CALM_TEST_NODE", "");
    assumeTrue(
        !modules.isEmpty(),
        "no Node package: set CALM_TEST_NODE to a directory with node_modules/" + needed);
    return run(Map.of(), List.of("node", script.toString(), modules, argument));
  }

  private static List<String> with(String program, List<String> arguments) {
    List<String> command = new ArrayList<>(List.of(program));
    command.addAll(arguments);
    return command;
  }
}
