package io.calm.cli;

import io.calm.report.BuildInfo;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;

/**
 * Entry point of {@code ./calm}. The exit status is 0 on success, 1 if the command failed, and 2 if
 * its arguments are wrong whatever the model and the files contain. A value that does not fit the
 * model, a missing file and a wrong setting in a properties file are failures.
 */
@Command(
    name = "calm",
    description =
        "Quantizes LLaMA- and Qwen-family models to 4 bits, choosing for each block the algorithm"
            + " that scores best, and serves them.",
    synopsisSubcommandLabel = "COMMAND",
    mixinStandardHelpOptions = true,
    scope = ScopeType.INHERIT,
    versionProvider = Main.Version.class,
    usageHelpAutoWidth = true,
    subcommands = {
      ServeCommand.class,
      QuantizeCommand.class,
      InspectCommand.class,
      EvalCommand.class,
      SensitivityCommand.class,
      ReportCommand.class,
      LogitsCommand.class,
      ExportCommand.class,
      TokenizeCommand.class
    })
public final class Main {
  private static final List<String> VERBOSE = List.of("-v", "--verbose");

  @Option(
      names = {"-v", "--verbose"},
      scope = ScopeType.INHERIT,
      description = "Log in detail and print stack traces of failures.")
  private boolean verbose;

  private Main() {}

  public static void main(String[] arguments) {
    configureLogging(arguments);
    System.exit(run(commandLine(), arguments));
  }

  /** Runs a command. Returns its exit status, or 1 if what it printed was not written. */
  public static int run(CommandLine line, String... arguments) {
    int status = line.execute(arguments);
    if (status == 0 && System.out.checkError()) {
      System.err.println(
          "calm: standard output: cannot be written, as on a full disk or to a closed pipe; the"
              + " output is incomplete");
      return 1;
    }
    return status;
  }

  /** Returns the parser of all commands, with a stand-in for {@code bench}. */
  static CommandLine commandLine() {
    return commandLine(new BenchElsewhere());
  }

  /**
   * Configures logging. Call it before {@link #commandLine}, whose commands create their loggers.
   */
  public static void configureLogging(String... arguments) {
    Logging.configure(List.of(arguments).stream().anyMatch(VERBOSE::contains));
  }

  /**
   * Returns the parser of all commands.
   *
   * @param bench the command {@code bench}, which is not part of this jar
   */
  public static CommandLine commandLine(Object bench) {
    Main main = new Main();
    CommandLine line = new CommandLine(main);
    line.addSubcommand(bench);
    line.addSubcommand(new LoadtestElsewhere());
    line.setExecutionExceptionHandler(new FailureReport(() -> main.verbose));
    line.setCaseInsensitiveEnumValuesAllowed(true);
    line.setParameterExceptionHandler(Main::wrongCall);
    // A text may start with @ or be the name of an option.
    line.setExpandAtFiles(false);
    line.setAllowOptionsAsOptionParameters(true);
    return line;
  }

  private static int wrongCall(ParameterException wrong, String[] arguments) {
    CommandLine command = wrong.getCommandLine();
    command
        .getErr()
        .printf(
            "calm: %s; see %s --help%n",
            wrong.getMessage(), command.getCommandSpec().qualifiedName());
    command.getErr().flush();
    return command.getCommandSpec().exitCodeOnInvalidInput();
  }

  /** The version of the jar. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Main.class.getPackage().getImplementationVersion();
      return new String[] {
        "calm " + (version == null ? "of a build directory" : version),
        "Commit " + BuildInfo.current().commit().orElse("unknown"),
        "Java " + Runtime.version() + " (" + System.getProperty("java.vendor") + ")"
      };
    }
  }
}
