package io.calm.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Another runtime in a process of its own. A Python that has it runs a script that loads the model
 * once and then times decodes and prompts on request. The process sleeps between requests.
 */
public final class PythonPeer implements AutoCloseable {
  private static final int MAX_TOKENS = 512;

  private final PeerRuntime runtime;
  private final Process process;
  private final Path errors;
  private final PrintWriter questions;
  private final BufferedReader answers;

  private PythonPeer(PeerRuntime runtime, Process process, Path errors) {
    this.runtime = runtime;
    this.process = process;
    this.errors = errors;
    this.questions = new PrintWriter(process.outputWriter(StandardCharsets.US_ASCII), true);
    this.answers = process.inputReader(StandardCharsets.US_ASCII);
  }

  /**
   * Starts a runtime and waits until it has loaded {@code file}.
   *
   * @param python the interpreter of an environment with the runtime's package
   * @param file what {@link PeerRuntime#write} has written
   * @throws IOException if it does not start, with its last message
   */
  static PythonPeer start(PeerRuntime runtime, String python, Path file, int threads)
      throws IOException {
    Path errors = TemporaryFile.create("calm-peer-", ".log");
    Process process =
        new ProcessBuilder(
                python,
                "-c",
                script(runtime.script()),
                file.toString(),
                Integer.toString(threads),
                Integer.toString(MAX_TOKENS))
            .redirectError(errors.toFile())
            .start();
    PythonPeer peer = new PythonPeer(runtime, process, errors);
    try {
      peer.answer();
      return peer;
    } catch (IOException e) {
      peer.close();
      throw e;
    }
  }

  /** Returns a program that imports no module from the directory of the caller. */
  private static String script(String name) throws IOException {
    try (InputStream source = PythonPeer.class.getResourceAsStream(name)) {
      if (source == null) {
        throw new IllegalStateException("resource %s is missing from the jar".formatted(name));
      }
      return "import sys\nsys.path[:] = [entry for entry in sys.path if entry]\n"
          + new String(source.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  /** Returns the name of the runtime in figures. */
  String name() {
    return runtime.shownName();
  }

  /**
   * Returns the tokens per second of {@code steps} steps of one sequence, after {@link
   * DecoderBench#CONTEXT} tokens.
   */
  double decode(int steps) throws IOException {
    return steps / seconds("decode %d %d".formatted(steps, DecoderBench.CONTEXT));
  }

  /** Returns the tokens per second of a prompt in one step. */
  double prefill(int tokens) throws IOException {
    return tokens / seconds("prefill %d".formatted(tokens));
  }

  private double seconds(String question) throws IOException {
    questions.println(question);
    return Double.parseDouble(answer());
  }

  private String answer() throws IOException {
    return Optional.ofNullable(answers.readLine())
        .orElseThrow(
            () ->
                new IOException(
                    "--peer-python: expected a Python with %s, but it ended: %s"
                        .formatted(runtime.distribution(), lastError())));
  }

  private String lastError() {
    try {
      return Files.readString(errors)
          .lines()
          .reduce((first, second) -> second)
          .orElse("no message");
    } catch (IOException e) {
      return "its messages cannot be read: " + e.getMessage();
    }
  }

  @Override
  public void close() throws IOException {
    questions.close();
    ChildProcess.end(process);
    Files.deleteIfExists(errors);
  }
}
