package io.calm.serving.load;

import io.calm.artifact.ArtifactException;
import io.calm.checkpoint.CheckpointException;
import io.calm.quant.QuantizationException;
import io.calm.quantize.NotEnoughMemoryException;
import io.calm.replay.EngineMissingException;
import io.calm.search.SearchException;
import io.calm.serving.model.LoadCancelledException;
import io.calm.serving.reply.ApiException;
import io.calm.settings.SettingsException;
import io.calm.text.Printable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;

/** What a client is told of a load that failed; the statuses are DJL Serving's. */
public final class LoadErrors {
  /** Maximum length of an answer in characters. An answer is one printable line. */
  private static final int MAX_MESSAGE = 2000;

  private LoadErrors() {}

  /**
   * Returns the error: 400 where a setting or the checkpoint cannot be used, 409 where the load was
   * called off, 507 where memory is short, else 500. A bug's words stay in the log.
   */
  public static ApiException of(Throwable failure) {
    if (failure instanceof ApiException error) {
      return error;
    }
    ApiException.Kind kind = kind(failure);
    boolean forPeople =
        kind != ApiException.Kind.INTERNAL
            || failure instanceof ArtifactException
            || failure instanceof EngineMissingException
            || failure instanceof UncheckedIOException
            || failure instanceof IOException;
    return new ApiException(
        kind,
        Optional.ofNullable(failure.getMessage())
            .filter(text -> forPeople && !text.isEmpty())
            .map(
                text ->
                    failure instanceof SettingsException // one line per key, printable already
                        ? text
                        : Printable.of(text, MAX_MESSAGE))
            .orElse("the load failed unexpectedly; the server's log has the stack trace"));
  }

  private static ApiException.Kind kind(Throwable failure) {
    if (failure instanceof NotEnoughMemoryException || failure instanceof OutOfMemoryError) {
      return ApiException.Kind.NOT_ENOUGH_MEMORY;
    }
    if (failure instanceof IllegalArgumentException
        || failure instanceof CheckpointException
        || failure instanceof SearchException // weights or settings that no algorithm can use
        || failure instanceof QuantizationException) {
      return ApiException.Kind.INVALID;
    }
    return failure instanceof LoadCancelledException
        ? ApiException.Kind.CONFLICT
        : ApiException.Kind.INTERNAL;
  }
}
