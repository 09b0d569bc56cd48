package io.calm.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.checkpoint.CheckpointException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.concurrent.Callable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;
import picocli.CommandLine.Command;

class FailureReportTest {
  @Command(name = "fails")
  private record Fails(Exception failure) implements Callable<Integer> {
    @Override
    public Integer call() throws Exception {
      throw failure;
    }
  }

  @Test
  void aFailureOfTheModelIsItsMessageAndNoStackTrace() {
    assertEquals(
        "calm: a.gguf: magic: expected GGUF\n",
        report(new CheckpointException("a.gguf: magic: expected GGUF"), false));
  }

  @Test
  void aMissingFileIsNamed() {
    assertEquals(
        "calm: /a: no such file or directory\n",
        report(new UncheckedIOException(new NoSuchFileException("/a")), false));
  }

  @Test
  void aBugSaysThatItIsOneAndHowToSeeMore() {
    String text = report(new IllegalStateException("index is negative"), false);
    assertTrue(text.contains("unexpected failure"), text);
    assertTrue(text.contains("index is negative"), text);
    assertTrue(text.contains("--verbose"), text);
    assertFalse(text.contains("\tat "), text);
  }

  @Test
  void theStackTraceIsThereWhereAsked() {
    assertTrue(report(new IllegalStateException("x"), true).contains("\tat "));
  }

  @Test
  void theBenchmarksAreListedAndFoundElsewhere() {
    StringWriter error = new StringWriter();
    CommandLine line = Main.commandLine();
    line.setErr(new PrintWriter(error));
    assertTrue(line.getUsageMessage().contains("bench "), line.getUsageMessage());
    assertEquals(1, line.execute("bench", "kernels", "--rounds", "1"));
    assertTrue(error.toString().contains("run ./calm bench in the project"), error.toString());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "bogus|calm: Unmatched argument at index 0: 'bogus'; see ./calm --help",
        "serv|calm: Unmatched argument at index 0: 'serv'; did you mean serve?; see ./calm --help",
        "quantise|calm: Unmatched argument at index 0: 'quantise'; did you mean quantize?;"
            + " see ./calm --help",
        "serve --prot=1|calm: Unknown option: '--prot=1'; did you mean --port?;"
            + " see ./calm serve --help",
        "quantize m --out|calm: Unknown option: '--out'; see ./calm quantize --help",
        "quantize m -q|calm: Unknown option: '-q'; see ./calm quantize --help",
        "serve -s calm.group|calm: --set: expected KEY=VALUE, e.g. -s calm.group=128,"
            + " got 'calm.group'; see ./calm serve --help"
      })
  void aMisspeltWordIsAWrongCallWithASuggestion(String call, String message) {
    CommandRun run = CommandRun.of(call.split(" ", -1));
    assertEquals(2, run.status());
    assertEquals(message, run.err().strip());
  }

  private static String report(Exception failure, boolean verbose) {
    StringWriter written = new StringWriter();
    CommandLine line = new CommandLine(new Fails(failure));
    line.setErr(new PrintWriter(written));
    line.setExecutionExceptionHandler(new FailureReport(() -> verbose));
    assertEquals(1, line.execute());
    return written.toString().replace(System.lineSeparator(), "\n");
  }

  @Test
  void hostilePathsArePrintable() {
    String hostile = "\u001b[31m\nINFO forged" + "x".repeat(1 << 20);
    for (Exception failure :
        List.of(
            new NoSuchFileException(hostile),
            new IOException(hostile),
            new IllegalStateException(hostile))) {
      String message = FailureReport.message(failure);
      assertTrue(message.contains("\\u001b[31m\\nINFO forged"), message);
      assertTrue(message.length() < 2200 && message.indexOf('\u001b') < 0);
    }
  }
}
