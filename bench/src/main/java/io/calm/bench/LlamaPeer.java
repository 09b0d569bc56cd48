package io.calm.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * llama.cpp in a process of its own. A Python with llama-cpp-python, built on this machine, runs a
 * script that loads a GGUF file once and then times decodes and prompts on request. The process
 * sleeps between requests.
 */
public final class LlamaPeer implements PeerModel {
  private static final String SCRIPT = "llama_peer.py";
  private static final int MAX_TOKENS = 512;
  private static final long END_SECONDS = 10;

  private final Process process;
  private final Path errors;
  private final PrintWriter questions;
  private final BufferedReader answers;

  private LlamaPeer(Process process, Path errors) {
    this.process = process;
    this.errors = errors;
    this.questions = new PrintWriter(process.outputWriter(StandardCharsets.US_ASCII), true);
    this.answers = process.inputReader(StandardCharsets.US_ASCII);
  }

  /**
   * Starts llama.cpp and waits until it has loaded {@code gguf}.
   *
   * @param python the interpreter of an environment with llama-cpp-python
   * @throws IOException if it does not start, with its last message
   */
  public static LlamaPeer start(String python, Path gguf, int threads) throws IOException {
    Path errors = Files.createTempFile("calm-peer-", ".log");
    Process process =
        new ProcessBuilder(
                python,
                "-c",
                script(),
                gguf.toString(),
                Integer.toString(threads),
                Integer.toString(MAX_TOKENS))
            .redirectError(errors.toFile())
            .start();
    LlamaPeer peer = new LlamaPeer(process, errors);
    try {
      peer.answer();
      return peer;
    } catch (IOException e) {
      peer.close();
      throw e;
    }
  }

  private static String script() throws IOException {
    try (InputStream source = LlamaPeer.class.getResourceAsStream(SCRIPT)) {
      if (source == null) {
        throw new IllegalStateException("resource %s is missing from the jar".formatted(SCRIPT));
      }
      return new String(source.readAllBytes(), StandardCharsets.UTF_8);
    }
  }

  @Override
  public String name() {
    return "llama.cpp";
  }

  @Override
  public double decode(int steps) throws IOException {
    return steps / seconds("decode %d %d".formatted(steps, DecoderBench.CONTEXT));
  }

  @Override
  public double prefill(int tokens) throws IOException {
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
                    "--peer-python: expected a Python with llama-cpp-python, but it ended: "
                        + lastError()));
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
    try {
      if (!process.waitFor(END_SECONDS, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
    Files.deleteIfExists(errors);
  }
}
