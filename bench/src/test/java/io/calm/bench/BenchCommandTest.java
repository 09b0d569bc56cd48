package io.calm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.cli.Main;
import io.calm.testing.JavaProcess;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** The command line of {@code calm bench}: its help, and the messages of wrong calls. */
class BenchCommandTest {
  private static final String ENGINES = "ENGINE_CACHE_DIR";

  private record Outcome(int status, String output) {}

  private static Outcome run(String arguments) {
    StringWriter output = new StringWriter();
    CommandLine line = Main.commandLine(new BenchCommand());
    line.setOut(new PrintWriter(output));
    line.setErr(new PrintWriter(output));
    int status = line.execute(arguments.split(" ", -1));
    return new Outcome(status, output.toString());
  }

  @Test
  void theHelpOfCalmListsTheBenchmarks() {
    Outcome outcome = run("--help");
    assertEquals(0, outcome.status());
    assertTrue(outcome.output().matches("(?s).*\\bbench +Measures kernels.*"), outcome.output());
  }

  @ParameterizedTest
  @CsvSource({
    "kernels, --no-pytorch",
    "model, --peer-python",
    "growth, --sequences",
    "neighbours, --rounds",
    "compare, --baseline",
    "speculate, --answer"
  })
  void everyCommandHasAHelp(String command, String option) {
    Outcome outcome = run("bench %s --help".formatted(command));
    assertEquals(0, outcome.status());
    assertTrue(outcome.output().startsWith("Usage: calm bench " + command), outcome.output());
    assertTrue(outcome.output().contains(option), outcome.output());
  }

  @ParameterizedTest
  @CsvSource({
    "bench, 2, Missing required subcommand",
    "bench compare, 2, Missing required argument",
    "bench compare --baseline rtn --steps 1, 2, '--steps: expected at least 10, got 1'",
    "bench model --shape none, 2, '--shape: expected one of smollm2-135m, llama-1b, llama-3b, llama-8b, got none'",
    "bench growth --shapes none, 2, '--shapes: expected one of smollm2-135m, '",
    "bench growth --contexts 0, 2, '--contexts: expected numbers from 1 to 1048576, got 0'",
    "bench growth --sequences 2-4, 2, 'sequences'",
    "bench growth --seconds 0, 2, '--seconds: expected a positive number, got 0'",
    "bench neighbours --shapes none, 2, '--shapes: expected one of smollm2-135m, '",
    "bench neighbours --seconds 0, 2, '--seconds: expected more than 0 and at most 60, got 0.0'",
    "bench growth --memory-mb 0, 2, '--memory-mb: expected a positive number, got 0'",
    "bench model --peer none, 2, '--peer: expected one of llama-cpp-python, openvino-genai, onnxruntime-genai, got none'",
    "bench model --peer-shape none, 2, '--peer-shape: expected one of smollm2-135m, '",
    "bench model --peer-file missing/x, 1, '--peer-file: expected a file in an existing directory, got missing/x'",
    "bench speculate --rounds 0, 2, '--rounds: expected a positive number, got 0'",
    "bench speculate --answer x, 2, Invalid value for option",
    "bench model --peer onnxruntime-genai --json missing/x, 1, '--json: expected a file in an existing directory, got missing/x'",
    "bench model --threads 0, 2, '--threads: expected 1 to 1024, got 0'",
    "bench kernels --threads 1025, 2, '--threads: expected 1 to 1024, got 1025'",
    "bench kernels --json missing/x, 1, '--json: expected a file in an existing directory, got missing/x'",
  })
  void aWrongCallIsRefused(String arguments, int status, String message) {
    Outcome outcome = run(arguments);
    assertEquals(status, outcome.status(), outcome.output());
    assertTrue(outcome.output().contains(message), outcome.output());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--baseline gtpq",
        "--weights --kernel none",
        "--weights --threads 0",
        "--weights --json missing/x"
      })
  void aWrongComparisonIsRefusedBeforeAPlanIsMade(String options, @TempDir Path cache) {
    boolean chosen = System.getProperty(ENGINES) != null;
    String model = "../models/calm-tiny-llama -s calm.cache-dir=" + cache;
    try {
      Outcome outcome = run("bench compare %s %s".formatted(model, options));
      assertTrue(outcome.status() > 0, outcome.output());
      assertFalse(Files.exists(cache.resolve("artifacts")), outcome.output());
    } finally {
      if (!chosen) {
        System.clearProperty(ENGINES); // it would be in the directory of this test
      }
    }
  }

  /** Only a process of its own can have another environment. */
  @Test
  void thePytorchComparisonUsesTheLibrariesBelowTheCache(@TempDir Path cache) throws Exception {
    NativeVariants.assumeBest(getClass());
    Files.createSymbolicLink(cache.resolve("native"), cache); // refused before it is used
    ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-cp",
            System.getProperty("java.class.path"),
            "io.calm.bench.Main",
            "bench",
            "kernels",
            "--threads",
            "1",
            "--shape",
            KernelShape.ALL.get(0).name());
    JavaProcess.removeSettings(builder.environment());
    builder.environment().put("OPTION_CALM_CACHE_DIR", cache.toString());
    Path log = cache.resolve("log");
    Process process = builder.redirectErrorStream(true).redirectOutput(log.toFile()).start();
    int status;
    try {
      status = process.waitFor(); // a read of a pipe could not be interrupted
    } finally {
      process.destroyForcibly();
    }
    String output = Files.readString(log);
    assertEquals(1, status, output);
    assertTrue(output.contains("calm: " + cache.resolve("native") + ": "), output);
  }
}
