package io.calm.serving.reply;

import java.util.Optional;

/**
 * A request error that is reported to the client. The message names the key, the expected value and
 * the actual value.
 */
public final class ApiException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private static final int MAX_CHARACTERS = 4000;

  private final Kind kind;
  private final transient Optional<String> parameter;

  /** The kind of an error: its HTTP status, and OpenAI's {@code type} and {@code code}. */
  public enum Kind {
    INVALID(400, "invalid_request_error", "invalid_request"),
    TOO_LONG(400, "invalid_request_error", "context_length_exceeded"),
    UNAUTHORIZED(401, "authentication_error", "invalid_api_key"),
    FORBIDDEN(403, "permission_error", "forbidden"),
    /** A body refused while it arrives; the connection can continue after it. */
    BODY_TOO_COMPLEX(400, "invalid_request_error", "invalid_request"),
    UNKNOWN_MODEL(404, "invalid_request_error", "model_not_found"),
    UNKNOWN_PATH(404, "invalid_request_error", "unknown_url"),
    METHOD_NOT_ALLOWED(405, "invalid_request_error", "method_not_allowed"),
    TOO_SLOW(408, "invalid_request_error", "request_timeout"),
    CONFLICT(409, "invalid_request_error", "model_exists"),
    NO_BASELINE(409, "invalid_request_error", "no_baseline"),
    BODY_TOO_LARGE(413, "invalid_request_error", "request_too_large"),
    URI_TOO_LONG(414, "invalid_request_error", "uri_too_long"),
    UNSUPPORTED_CODING(415, "invalid_request_error", "unsupported_content_encoding"),
    EXPECTATION_FAILED(417, "invalid_request_error", "expectation_failed"),
    QUEUE_FULL(429, "rate_limit_error", "queue_full"),
    HEADERS_TOO_LARGE(431, "invalid_request_error", "headers_too_large"),
    INTERNAL(500, "server_error", "internal_error"),
    NOT_READY(503, "server_error", "model_not_ready"),
    OVERLOADED(503, "server_error", "overloaded"),
    DEADLINE(504, "server_error", "deadline_exceeded"),
    UNSUPPORTED_VERSION(505, "invalid_request_error", "http_version_not_supported"),
    NOT_ENOUGH_MEMORY(507, "server_error", "insufficient_memory");

    private final int status;
    private final String type;
    private final String code;

    Kind(int status, String type, String code) {
      this.status = status;
      this.type = type;
      this.code = code;
    }

    public int status() {
      return status;
    }

    public String type() {
      return type;
    }

    public String code() {
      return code;
    }
  }

  public ApiException(Kind kind, String message) {
    this(kind, message, Optional.empty());
  }

  public ApiException(Kind kind, String message, Optional<String> parameter) {
    super(cut(message));
    this.kind = kind;
    this.parameter = parameter.map(ApiException::cut);
  }

  /** Maximum length of a message: it may quote several client values, but not megabytes. */
  private static String cut(String text) {
    return text.length() <= MAX_CHARACTERS
        ? text
        : text.substring(0, MAX_CHARACTERS) + "... (%d characters)".formatted(text.length());
  }

  /** Returns an error in one key of the body. */
  public static ApiException invalid(String key, String message) {
    return new ApiException(Kind.INVALID, key + ": " + message, Optional.of(key));
  }

  /** Returns the error of a request whose model is unloaded before it begins. */
  public static ApiException unloading(String model) {
    return new ApiException(Kind.NOT_READY, "model %s is being unloaded".formatted(model));
  }

  /** Returns the message for a client about an unexpected failure. */
  public static ApiException bug() {
    return new ApiException(
        Kind.INTERNAL, "this is a bug of the server; its log has the stack trace");
  }

  public Kind kind() {
    return kind;
  }

  /** Returns the key of the body that is to blame. */
  public Optional<String> parameter() {
    return parameter;
  }

  /** Returns the message; this exception always has one. */
  @Override
  public String getMessage() {
    return String.valueOf(super.getMessage());
  }
}
