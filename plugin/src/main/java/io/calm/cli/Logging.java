package io.calm.cli;

/**
 * Settings of slf4j-simple, the commands' logger. Properties set with {@code -D} take precedence.
 */
final class Logging {
  private static final String PREFIX = "org.slf4j.simpleLogger.";

  private Logging() {}

  /** Sets the levels and the format of log lines. Call it before the first logger is created. */
  static void configure(boolean verbose) {
    set("defaultLogLevel", verbose ? "info" : "warn");
    set("log.io.calm", verbose ? "debug" : "info");
    set("showShortLogName", Boolean.toString(verbose));
    set("showLogName", "false");
    set("showThreadName", "false");
    set("showDateTime", "true");
    set("dateTimeFormat", "HH:mm:ss");
  }

  private static void set(String key, String value) {
    if (System.getProperty(PREFIX + key) == null) {
      System.setProperty(PREFIX + key, value);
    }
  }
}
