package io.calm.cli;

import io.calm.artifact.ArtifactException;
import io.calm.checkpoint.CheckpointException;
import io.calm.cli.models.RecipeException;
import io.calm.export.ExportException;
import io.calm.quantize.QuantizeException;
import io.calm.serving.load.NotEnoughMemoryException;
import io.calm.text.Printable;
import io.calm.torch.EngineMissingException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.Optional;
import java.util.function.BooleanSupplier;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.ParseResult;

/**
 * Prints why a command failed, as one message. The stack trace follows only on request. An {@link
 * ArgumentException} has the status of a wrong call.
 *
 * @param verbose whether to print the stack trace
 */
record FailureReport(BooleanSupplier verbose) implements IExecutionExceptionHandler {

  /** Maximum length of a message that quotes a path. */
  private static final int MAX_TEXT = 2000;

  @Override
  public int handleExecutionException(Exception failure, CommandLine command, ParseResult parsed) {
    if (failure instanceof InterruptedException) {
      Thread.currentThread().interrupt();
    }
    command.getErr().println("calm: " + message(failure));
    if (verbose.getAsBoolean()) {
      failure.printStackTrace(command.getErr());
    }
    command.getErr().flush();
    return failure instanceof ArgumentException
        ? command.getCommandSpec().exitCodeOnInvalidInput()
        : command.getCommandSpec().exitCodeOnExecutionException();
  }

  /** Returns the message for the user. The message of a bug says that it is one. */
  static String message(Throwable cause) {
    if (cause instanceof UncheckedIOException && cause.getCause() instanceof IOException io) {
      return message(io);
    }
    String text =
        Optional.ofNullable(cause.getMessage())
            .map(
                message -> cause instanceof IOException ? Printable.of(message, MAX_TEXT) : message)
            .orElse("");
    if (cause instanceof NoSuchFileException) {
      return text + ": no such file or directory";
    }
    if (cause instanceof AccessDeniedException) {
      return text + ": permission denied";
    }
    boolean forPeople =
        cause instanceof CheckpointException
            || cause instanceof RecipeException
            || cause instanceof ArtifactException
            || cause instanceof EngineMissingException
            || cause instanceof QuantizeException
            || cause instanceof ExportException
            || cause instanceof NotEnoughMemoryException
            || cause instanceof IllegalArgumentException
            || cause instanceof IOException;
    return forPeople && !text.isEmpty()
        ? text
        : "unexpected failure: %s; run it again with --verbose for the stack trace"
            .formatted(Printable.of(cause, MAX_TEXT));
  }
}
