package io.calm.files;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;

/** Describes errors of files in words, without the names of Java classes. */
public final class FileErrors {
  private FileErrors() {}

  /** Returns why a file cannot be read or written, without its name where the system adds that. */
  public static String reason(Exception error) {
    if (error instanceof UncheckedIOException && error.getCause() instanceof IOException cause) {
      return reason(cause);
    }
    if (error instanceof CharacterCodingException) {
      return "text that is not UTF-8";
    }
    if (error instanceof NoSuchFileException) {
      return "no such file";
    }
    if (error instanceof AccessDeniedException) {
      return "permission denied";
    }
    if (error instanceof NotDirectoryException) {
      return "not a directory";
    }
    if (error instanceof FileSystemLoopException) {
      return "a loop of symbolic links";
    }
    if (error instanceof ClosedByInterruptException) {
      return "an interruption";
    }
    String reason =
        error instanceof FileSystemException inFile ? inFile.getReason() : error.getMessage();
    return reason == null || reason.isBlank() ? "an error of the file system" : reason;
  }
}
