package io.calm.serving.load;

import io.calm.checkpoint.CheckpointException;
import io.calm.quantize.QuantizeException;
import io.calm.serving.model.LoadCancelledException;
import io.calm.serving.reply.ApiException;
import io.calm.settings.SettingsException;
import io.calm.text.Printable;
import io.calm.torch.EngineMissingException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Logs failures of loads and translates them into errors, with DJL Serving's statuses. */
public final class LoadErrors {
  /** Maximum length of a message in characters. A message is one printable line. */
  private static final int MAX_MESSAGE = 2000;

  private static final Logger logger = LoggerFactory.getLogger(LoadErrors.class);

  private LoadErrors() {}

  /**
   * Logs why a load failed and returns the error. The stack trace of an unexpected failure is
   * logged with it, that of an expected one at debug level.
   *
   * @param failure result of {@link io.calm.serving.model.LoadProgress#reason}
   */
  public static ApiException log(String name, String url, Throwable failure) {
    ApiException error = of(failure);
    if (failure instanceof LoadCancelledException) {
      logger.info("{}: {}", name, error.getMessage());
      logger.debug("{}: the cancelled load ended", name, failure);
    } else if (isExpected(failure)) {
      logger.error("{}: cannot be loaded from {}: {}", name, url, error.getMessage());
      logger.debug("{}: the failed load ended", name, failure);
    } else {
      logger.error("{}: cannot be loaded from {}", name, url, failure);
    }
    return error;
  }

  /**
   * Returns whether the message of a failure is enough to mend its cause: a setting, the
   * checkpoint, memory, a disk, or an engine that is missing. Of others the stack trace is needed,
   * also of an engine that fails.
   */
  static boolean isExpected(Throwable failure) {
    return of(failure).kind() != ApiException.Kind.INTERNAL
        || (failure instanceof QuantizeException quantize
            && (quantize.kind() == QuantizeException.Kind.STORAGE
                || quantize.getCause() instanceof EngineMissingException));
  }

  /**
   * Returns the error: 400 if a setting or the checkpoint cannot be used, 409 if the model was
   * unregistered meanwhile, 503 if the server stops, 507 if memory is short, else 500. The message
   * of an unexpected failure stays in the log.
   */
  public static ApiException of(Throwable failure) {
    if (failure instanceof ApiException error) {
      return error;
    }
    ApiException.Kind kind = kind(failure);
    boolean forPeople =
        kind != ApiException.Kind.INTERNAL
            || failure instanceof QuantizeException
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
    if (failure instanceof QuantizeException quantize) {
      return switch (quantize.kind()) {
        case INVALID -> ApiException.Kind.INVALID;
        case NOT_ENOUGH_MEMORY -> ApiException.Kind.NOT_ENOUGH_MEMORY;
        case ENGINE_MISSING, STORAGE -> ApiException.Kind.INTERNAL;
      };
    }
    if (failure instanceof NotEnoughMemoryException || failure instanceof OutOfMemoryError) {
      return ApiException.Kind.NOT_ENOUGH_MEMORY;
    }
    if (failure instanceof IllegalArgumentException || failure instanceof CheckpointException) {
      return ApiException.Kind.INVALID;
    }
    if (failure instanceof LoadCancelledException cancelled) {
      return switch (cancelled.reason()) {
        case UNREGISTERED -> ApiException.Kind.CONFLICT;
        case STOPPING -> ApiException.Kind.NOT_READY;
      };
    }
    return ApiException.Kind.INTERNAL;
  }
}
