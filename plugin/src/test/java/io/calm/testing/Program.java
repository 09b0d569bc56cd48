package io.calm.testing;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** A run of another program to its end: its exit status, and what it printed. */
public record Program(int status, String output) {
  /** How long a child process may live: less than a test, so that the test ends with its output. */
  static final Duration LIMIT = Duration.ofMinutes(8);

  private static final String PYTHON = System.getenv().getOrDefault("CALM_TEST_PYTHON", "python3");

  /** Destroys a process and its children when it has lived for so long. */
  static void limit(Process process, Duration limit) {
    // On the timer's own thread: readers of hanging processes may hold all of a pool.
    CompletableFuture.delayedExecutor(limit.toMillis(), TimeUnit.MILLISECONDS, Runnable::run)
        .execute(
            () -> {
              if (process.isAlive()) {
                System.out.printf("process %d hangs: destroyed%n", process.pid());
                // The parent first: a shell whose command is gone goes on.
                List<ProcessHandle> children = process.descendants().toList();
                process.toHandle().destroyForcibly(); // keeps the streams open for their readers
                children.forEach(ProcessHandle::destroyForcibly);
              }
            });
  }

  /** Runs a program without input, unless the builder redirects it. */
  public static Program run(ProcessBuilder builder) throws IOException, InterruptedException {
    Process process = builder.redirectErrorStream(true).start();
    limit(process, LIMIT);
    process.getOutputStream().close();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Program(process.waitFor(), output);
  }

  /** Runs a command with these variables besides the inherited ones. */
  public static Program run(Map<String, String> environment, List<String> command)
      throws IOException, InterruptedException {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().putAll(environment);
    return run(builder);
  }

  /** Runs Python, or skips the test where it lacks a package. */
  public static Program python(
      String needed, Map<String, String> environment, List<String> arguments)
      throws IOException, InterruptedException {
    assumeTrue(
        hasPython(needed),
        "no Python with the package %s: set CALM_TEST_PYTHON to one that has it".formatted(needed));
    return run(environment, with(PYTHON, arguments));
  }

  private static boolean hasPython(String needed) throws InterruptedException {
    try {
      return run(Map.of(), List.of(PYTHON, "-c", "import " + needed)).status() == 0;
    } catch (IOException e) {
      return false;
    }
  }

  /** Runs Node with the directory {@code CALM_TEST_NODE}, or skips the test without it. */
  public static Program node(String needed, Path script, String argument)
      throws IOException, InterruptedException {
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
