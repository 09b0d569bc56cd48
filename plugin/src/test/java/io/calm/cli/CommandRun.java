package io.calm.cli;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;

/**
 * A command line of {@code ./calm} that was run in this process.
 *
 * @param out what it printed, with line feeds
 * @param err what it printed to the error stream, with line feeds
 */
record CommandRun(int status, String out, String err) {

  static CommandRun of(List<String> arguments) {
    return of(arguments.toArray(String[]::new));
  }

  static CommandRun of(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    int status =
        Main.commandLine()
            .setOut(new PrintWriter(out, true))
            .setErr(new PrintWriter(err, true))
            .execute(arguments);
    return new CommandRun(status, lines(out), lines(err));
  }

  private static String lines(StringWriter text) {
    return text.toString().replace(System.lineSeparator(), "\n");
  }
}
