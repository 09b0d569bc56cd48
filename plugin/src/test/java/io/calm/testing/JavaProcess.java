package io.calm.testing;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A JVM with the tests' class path and without the developer's settings. It is destroyed when it is
 * closed, and after {@link Program#LIMIT} at the latest: a read of its output cannot be
 * interrupted.
 */
public final class JavaProcess implements AutoCloseable {
  private final Process process;
  private final Path errors;

  private JavaProcess(Process process, Path errors) {
    this.process = process;
    this.errors = errors;
  }

  /** The end of a process. */
  public record Result(int status, String output, String errors) {}

  /** Returns a command that runs a class, or a source file, with these arguments. */
  public static Command of(String program, String... arguments) {
    return new Command(program, arguments);
  }

  /** Returns a command that runs a class with these arguments. */
  public static Command of(Class<?> main, String... arguments) {
    return of(main.getName(), arguments);
  }

  /** Returns the command of the JVM that runs the tests. */
  public static String java() {
    return Path.of(System.getProperty("java.home"), "bin", "java").toString();
  }

  /**
   * Removes from the environment of a child what would change the settings of a model or server.
   */
  public static void removeSettings(Map<String, String> environment) {
    environment
        .keySet()
        .removeIf(
            name ->
                name.matches("(CALM|OPTION|SERVING|DJL_CACHE|ENGINE_CACHE)_.*|JAVA_TOOL_OPTIONS"));
  }

  /** A process to be. */
  public static final class Command {
    private final String program;
    private final List<String> arguments;
    private List<String> flags = List.of();
    private String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    private final Map<String, String> environment = new TreeMap<>();

    private Command(String program, String... arguments) {
      this.program = program;
      this.arguments = List.of(arguments);
    }

    /** Sets the flags of the JVM. */
    public Command flags(String... flags) {
      this.flags = List.of(flags);
      return this;
    }

    /** Sets another class path than that of the tests. */
    public Command classPath(String classPath) {
      this.classPath = classPath;
      return this;
    }

    /** Sets an environment variable. */
    public Command environment(String name, String value) {
      environment.put(name, value);
      return this;
    }

    /** Starts the process. */
    public JavaProcess start() throws IOException {
      List<String> command = new ArrayList<>(List.of(java()));
      command.add("-Duser.home=" + System.getProperty("user.home"));
      command.addAll(flags);
      command.addAll(List.of("-cp", classPath, program));
      command.addAll(arguments);
      Path errors = Files.createTempFile("calm-test-", ".log");
      ProcessBuilder builder = new ProcessBuilder(command).redirectError(errors.toFile());
      removeSettings(builder.environment());
      builder.environment().putAll(environment);
      Process process = builder.start();
      Program.limit(process, Program.LIMIT);
      return new JavaProcess(process, errors);
    }

    /** Runs the process to its end. */
    public Result run() throws IOException, InterruptedException {
      try (JavaProcess process = start()) {
        return process.await();
      }
    }
  }

  public Process process() {
    return process;
  }

  /** Returns the next line that the process prints. */
  public String line() throws IOException, InterruptedException {
    String line = output().readLine();
    if (line == null) {
      throw new AssertionError("no more lines: " + await());
    }
    return line;
  }

  /** Waits for the end of the process and returns the output that was not read yet. */
  public Result await() throws IOException, InterruptedException {
    StringWriter rest = new StringWriter();
    output().transferTo(rest);
    return new Result(process.waitFor(), rest.toString(), errors());
  }

  private BufferedReader output() {
    return process.inputReader(StandardCharsets.UTF_8);
  }

  /** Sends an empty line to the process. */
  public void send() throws IOException {
    OutputStream input = process.getOutputStream();
    input.write('\n');
    input.flush();
  }

  /** Sends SIGTERM. What the process prints can still be read, unlike after its destruction. */
  public void terminate() {
    process.toHandle().destroy();
  }

  /** Returns what the process has printed to standard error. */
  public String errors() {
    try {
      return Files.readString(errors);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() throws IOException {
    process.destroyForcibly();
    try {
      process.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    Files.delete(errors);
  }
}
