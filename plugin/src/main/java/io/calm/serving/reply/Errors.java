package io.calm.serving.reply;

import java.nio.charset.StandardCharsets;
import java.util.Map;

/** Sends an error as a whole answer. */
public final class Errors {
  private Errors() {}

  public static void send(ApiException error, ErrorBody shape, ReplySink sink) {
    send(error, shape, headers(error), sink);
  }

  /** Returns the headers that go with an error. */
  public static Map<String, String> headers(ApiException error) {
    return switch (error.kind()) {
      case QUEUE_FULL, OVERLOADED -> Map.of("Retry-After", "1");
      case NOT_READY -> Map.of("Retry-After", "5");
      case UNSUPPORTED_CODING -> Map.of("Accept-Encoding", "gzip, deflate, identity");
      case UNAUTHORIZED -> Map.of("WWW-Authenticate", "Bearer");
      default -> Map.of();
    };
  }

  /** Sends an error with headers of its own. */
  public static void send(
      ApiException error, ErrorBody shape, Map<String, String> headers, ReplySink sink) {
    sink.full(
        error.kind().status(),
        "application/json",
        headers,
        (shape.of(error) + "\n").getBytes(StandardCharsets.UTF_8));
  }
}
