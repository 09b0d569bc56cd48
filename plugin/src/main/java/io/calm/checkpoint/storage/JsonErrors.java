package io.calm.checkpoint.storage;

import com.google.gson.JsonParseException;
import io.calm.files.FileErrors;
import io.calm.text.Printable;
import java.nio.charset.CharacterCodingException;
import java.nio.file.FileSystemException;

/** Describes the errors of files and their JSON readers for operators. */
public final class JsonErrors {
  private static final String ADVICE =
      "Use JsonReader.setStrictness(Strictness.LENIENT) to accept ";

  private JsonErrors() {}

  /** Returns the first line of the cause's message, without advice to programmers. */
  public static String describe(Exception error) {
    Exception cause = error;
    if (error instanceof JsonParseException && error.getCause() instanceof Exception inner) {
      cause = inner;
    }
    if (cause instanceof CharacterCodingException || cause instanceof FileSystemException) {
      return FileErrors.reason(cause);
    }
    String message = String.valueOf(cause.getMessage()).lines().findFirst().orElse("");
    return Printable.of(message.replace(ADVICE, ""));
  }
}
