package io.calm.checkpoint.storage;

import com.google.gson.JsonParseException;
import io.calm.text.Printable;
import java.nio.charset.CharacterCodingException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/** Describes the errors of files and their JSON readers for operators. */
public final class JsonErrors {
  private static final String ADVICE =
      "Use JsonReader.setStrictness(Strictness.LENIENT) to accept ";

  private JsonErrors() {}

  /** Returns the first line of the cause's message, without advice to programmers. */
  public static String describe(Exception error) {
    Throwable cause = error;
    if (error instanceof JsonParseException && error.getCause() instanceof Exception inner) {
      cause = inner;
    }
    String message = String.valueOf(cause.getMessage()).lines().findFirst().orElse("");
    if (cause instanceof CharacterCodingException) {
      return "text that is not UTF-8";
    }
    if (cause instanceof NoSuchFileException) {
      return "no such file";
    }
    return cause instanceof FileSystemException
        ? cause.getClass().getSimpleName()
        : Printable.of(message.replace(ADVICE, ""));
  }
}
