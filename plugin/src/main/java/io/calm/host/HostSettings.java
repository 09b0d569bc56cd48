package io.calm.host;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/**
 * Settings of the embedded host.
 *
 * @param host name or address to bind, for example {@code 127.0.0.1}
 * @param port 0 for any free port
 * @param apiKey bearer token that every request must carry, except {@code /ping}, {@code /health}
 *     and {@code /calm/ready}, in printable ASCII characters without white space around it; empty
 *     for none
 * @param maxBodyBytes maximum size of a body, also after decompression; longer ones are answered
 *     with 413
 * @param requestReadTimeout maximum time from a request's first byte to its last
 * @param grace maximum time that {@link EmbeddedHost#close} waits for requests in flight
 * @param slowReaderTimeout time after which a client that does not read its answer is disconnected;
 *     answers of a model use its own {@code calm.slow-reader-timeout}
 * @param corsOrigins origins of web pages that may use this server, as browsers send them, or
 *     {@code *}; empty for none
 * @param allowedHosts names, in addition to the bound one, that a request's {@code Host} may have
 *     if there is no API key
 */
public record HostSettings(
    String host,
    int port,
    Optional<String> apiKey,
    int maxBodyBytes,
    Duration requestReadTimeout,
    Duration grace,
    Duration slowReaderTimeout,
    List<String> corsOrigins,
    List<String> allowedHosts) {

  public static final int DEFAULT_MAX_BODY_BYTES = 8 << 20;
  public static final Duration DEFAULT_REQUEST_READ_TIMEOUT = Duration.ofSeconds(60);
  public static final Duration DEFAULT_GRACE = Duration.ofSeconds(10);
  public static final Duration DEFAULT_SLOW_READER_TIMEOUT = Duration.ofSeconds(30);

  public HostSettings {
    if (port < 0 || port > 65535) {
      throw new IllegalArgumentException("port: expected 0 to 65535, got " + port);
    }
    if (maxBodyBytes <= 0) {
      throw new IllegalArgumentException(
          "maximum body size: expected at least 1 byte, got " + maxBodyBytes);
    }
    apiKey = apiKey.map(ApiKey::checked);
    corsOrigins = corsOrigins.stream().map(Cors::checked).toList();
    allowedHosts = allowedHosts.stream().map(HostNames::checked).toList();
  }

  /** Returns settings without an API key and with default limits. */
  public static HostSettings of(String host, int port) {
    return new HostSettings(
        host,
        port,
        Optional.empty(),
        DEFAULT_MAX_BODY_BYTES,
        DEFAULT_REQUEST_READ_TIMEOUT,
        DEFAULT_GRACE,
        DEFAULT_SLOW_READER_TIMEOUT,
        List.of(),
        List.of());
  }

  /** Returns whether other machines can connect without an API key. */
  public boolean isOpenToTheNetwork() {
    return apiKey.isEmpty() && !new HostNames(host, List.of()).onLoopback();
  }

  /** Returns a copy with an API key. */
  public HostSettings withApiKey(String key) {
    return new HostSettings(
        host,
        port,
        Optional.of(key),
        maxBodyBytes,
        requestReadTimeout,
        grace,
        slowReaderTimeout,
        corsOrigins,
        allowedHosts);
  }
}
