package io.calm.cli;

import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Stack;
import picocli.CommandLine.IParameterConsumer;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;

/**
 * Takes the files after an option: all arguments up to the next option or model. A directory or a
 * {@code .gguf} file is a model, so MODEL may also stand after the files.
 */
final class FilesConsumer implements IParameterConsumer {

  @Override
  @SuppressWarnings("JdkObsolete") // the type of picocli's interface
  public void consumeParameters(Stack<String> arguments, ArgSpec option, CommandSpec command) {
    List<Path> files = new ArrayList<>();
    List<Path> before = option.getValue();
    if (before != null) {
      files.addAll(before);
    }
    int first = files.size();
    while (!arguments.isEmpty() && (files.size() == first || isFile(arguments.peek()))) {
      String argument = arguments.pop();
      try {
        files.add(Path.of(argument));
      } catch (InvalidPathException e) {
        throw new ParameterException(
            command.commandLine(), "'%s' is not a path: %s".formatted(argument, e.getMessage()));
      }
    }
    if (files.size() == first) {
      throw new ParameterException(
          command.commandLine(),
          "Missing required parameter for option '%s' (FILE)"
              .formatted(((OptionSpec) option).longestName()));
    }
    option.setValue(files);
  }

  private static boolean isFile(String argument) {
    return !argument.startsWith("-")
        && !argument.endsWith(".gguf")
        && !Files.isDirectory(Path.of(argument));
  }
}
