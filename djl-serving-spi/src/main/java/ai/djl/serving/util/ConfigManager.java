package ai.djl.serving.util;

/** The server's configuration. */
public final class ConfigManager {
  private ConfigManager() {}

  /** Returns the one instance. */
  public static native ConfigManager getInstance();

  /** Returns {@code throttle_error_http_code}. */
  public native int getThrottleErrorHttpCode();
}
