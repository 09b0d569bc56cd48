package io.calm.host;

import java.time.Duration;
import java.util.Optional;

/**
 * Where and for whom the host listens.
 *
 * @param host name or address to bind, e.g. {@code 127.0.0.1}
 * @param port 0 for any free one
 * @param apiKey bearer token that every request but {@code /ping} and {@code /calm/ready} must
 *     carry; empty for none
 * @param maxBodyBytes longer bodies are answered with 413
 * @param requestReadTimeout a request must arrive whole within this of its first byte
 * @param grace how long {@link EmbeddedHost#close} waits for requests under way
 */
public record HostSettings(
    String host,
    int port,
    Optional<String> apiKey,
    int maxBodyBytes,
    Duration requestReadTimeout,
    Duration grace) {

  public static final int DEFAULT_MAX_BODY_BYTES = 8 << 20;
  public static final Duration DEFAULT_REQUEST_READ_TIMEOUT = Duration.ofSeconds(60);
  public static final Duration DEFAULT_GRACE = Duration.ofSeconds(10);

  public HostSettings {
    if (port < 0 || port > 65535) {
      throw new IllegalArgumentException("port: expected 0 to 65535, got " + port);
    }
    if (maxBodyBytes <= 0) {
      throw new IllegalArgumentException(
          "maximum body size: expected at least 1 byte, got " + maxBodyBytes);
    }
    if (apiKey.isPresent() && apiKey.get().isBlank()) {
      throw new IllegalArgumentException(
          "API key: expected a token, got an empty one; leave it out to serve without");
    }
  }

  /** Returns settings without an API key and with default limits. */
  public static HostSettings of(String host, int port) {
    return new HostSettings(
        host,
        port,
        Optional.empty(),
        DEFAULT_MAX_BODY_BYTES,
        DEFAULT_REQUEST_READ_TIMEOUT,
        DEFAULT_GRACE);
  }
}
