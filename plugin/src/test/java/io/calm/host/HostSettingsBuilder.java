package io.calm.host;

import java.time.Duration;
import java.util.List;
import java.util.Optional;

/** A builder of host settings. Its defaults: any free port of the loopback, and default limits. */
final class HostSettingsBuilder {
  private String host = "127.0.0.1";
  private Optional<String> apiKey = Optional.empty();
  private int maxBodyBytes = HostSettings.DEFAULT_MAX_BODY_BYTES;
  private Duration requestReadTimeout = HostSettings.DEFAULT_REQUEST_READ_TIMEOUT;
  private Duration grace = HostSettings.DEFAULT_GRACE;
  private Duration slowReaderTimeout = HostSettings.DEFAULT_SLOW_READER_TIMEOUT;
  private List<String> corsOrigins = List.of();
  private List<String> allowedHosts = List.of();

  HostSettingsBuilder host(String value) {
    host = value;
    return this;
  }

  HostSettingsBuilder apiKey(String value) {
    apiKey = Optional.of(value);
    return this;
  }

  HostSettingsBuilder maxBodyBytes(int value) {
    maxBodyBytes = value;
    return this;
  }

  HostSettingsBuilder requestReadTimeout(Duration value) {
    requestReadTimeout = value;
    return this;
  }

  HostSettingsBuilder grace(Duration value) {
    grace = value;
    return this;
  }

  HostSettingsBuilder slowReaderTimeout(Duration value) {
    slowReaderTimeout = value;
    return this;
  }

  HostSettingsBuilder corsOrigins(String... origins) {
    corsOrigins = List.of(origins);
    return this;
  }

  HostSettingsBuilder allowedHosts(String... names) {
    allowedHosts = List.of(names);
    return this;
  }

  HostSettings build() {
    return new HostSettings(
        host,
        0,
        apiKey,
        maxBodyBytes,
        requestReadTimeout,
        grace,
        slowReaderTimeout,
        corsOrigins,
        allowedHosts);
  }
}
