package io.calm.cli;

import io.calm.kernels.BuildInfo;
import io.calm.settings.EditDistance;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.UnmatchedArgumentException;

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

  /** The message of picocli for a setting without a value. */
  private static final Pattern WRONG_SETTING =
      Pattern.compile("Value for option option '--set' .* but was (.*)", Pattern.DOTALL);

  @Option(
      names = {"-v", "--verbose"},
      scope = ScopeType.INHERIT,
      description = "Log in detail and print stack traces of failures.")
  private boolean verbose;

  private Main() {}

  public static void main(String[] arguments) {
    prepare(arguments);
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
   * Configures logging, and the format of numbers: messages, URLs and names of files have the same
   * digits in every locale. Call it before {@link #commandLine}, whose commands create their
   * loggers.
   */
  public static void prepare(String... arguments) {
    Locale.setDefault(Locale.Category.FORMAT, Locale.ROOT);
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
            "calm: %s%s; see ./%s --help%n",
            message(wrong), suggestion(wrong), command.getCommandSpec().qualifiedName());
    command.getErr().flush();
    return command.getCommandSpec().exitCodeOnInvalidInput();
  }

  private static String message(ParameterException wrong) {
    Matcher setting = WRONG_SETTING.matcher(String.valueOf(wrong.getMessage()));
    return setting.matches()
        ? "--set: expected KEY=VALUE, e.g. -s calm.group=128, got '%s'".formatted(setting.group(1))
        : String.valueOf(wrong.getMessage());
  }

  /** Returns the command or option that a misspelt word resembles, as a question. */
  private static String suggestion(ParameterException wrong) {
    if (!(wrong instanceof UnmatchedArgumentException unmatched)
        || unmatched.getUnmatched().isEmpty()) {
      return "";
    }
    CommandSpec command = wrong.getCommandLine().getCommandSpec();
    String word = unmatched.getUnmatched().get(0).replaceFirst("=.*", "");
    List<String> known =
        word.startsWith("-")
            ? command.options().stream().flatMap(option -> Stream.of(option.names())).toList()
            : List.copyOf(command.subcommands().keySet());
    return EditDistance.nearest(word, known)
        .map(near -> "; did you mean %s?".formatted(near))
        .orElse("");
  }

  /** The version of the jar. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Main.class.getPackage().getImplementationVersion();
      return new String[] {
        "calm " + (version == null ? "of a build directory" : version),
        "Commit " + BuildInfo.current().commitText(),
        "Java " + Runtime.version() + " (" + System.getProperty("java.vendor") + ")"
      };
    }
  }
}
