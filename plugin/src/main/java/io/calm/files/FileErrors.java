package io.calm.files;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/** Describes errors of files in words, without the names of Java classes. */
public final class FileErrors {
  private FileErrors() {}

  /** Returns the reason why a file cannot be read, without the file's name if it is known. */
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
    String reason =
        error instanceof FileSystemException inFile ? inFile.getReason() : error.getMessage();
    return reason == null || reason.isBlank() ? "an error of the file system" : reason;
  }
}
