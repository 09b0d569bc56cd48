package io.calm.report;

import java.util.Locale;

/** Numbers as readers want them, with the exact value in a {@code data} element. */
final class Numbers {
  private static final String UNKNOWN = "–";

  private Numbers() {}

  /** Returns a number in a format of {@link String#format}; a dash if it is not finite. */
  static String text(String format, double value) {
    return Double.isFinite(value)
        ? String.format(Locale.ROOT, format, value).replace('-', '\u2212')
        : UNKNOWN;
  }

  /** Writes a number with its exact value. */
  static void write(HtmlWriter to, String format, double value) {
    if (Double.isFinite(value)) {
      to.element("data", text(format, value), "value", value);
    } else {
      to.text(UNKNOWN);
    }
  }

  /** Writes a measured number, and its error where that is known. */
  static void write(HtmlWriter to, String format, MeasuredValue value, double factor) {
    write(to, format, value.mean(), factor);
    if (Double.isFinite(value.standardError())) {
      to.start("span", "class", "error").text("\u00a0± ");
      write(to, format.replace("+", ""), value.standardError(), factor);
      to.end();
    }
  }

  private static void write(HtmlWriter to, String format, double value, double factor) {
    if (Double.isFinite(value)) {
      to.element("data", text(format, value * factor), "value", value);
    } else {
      to.text(UNKNOWN);
    }
  }

  /** Writes a count with spaces between thousands. */
  static void count(HtmlWriter to, long value) {
    to.element("data", grouped(value), "value", value);
  }

  private static String grouped(long value) {
    return String.format(Locale.ROOT, "%,d", value).replace(',', '\u202f');
  }

  /** Writes a number of bytes. */
  static void bytes(HtmlWriter to, long bytes) {
    to.element("data", bytes(bytes), "value", bytes);
  }

  static String bytes(long bytes) {
    if (bytes < 1 << 10) {
      return bytes + "\u00a0B";
    }
    if (bytes < 1 << 20) {
      return text("%.1f", bytes / 1024.0) + "\u00a0KiB";
    }
    return bytes < 1L << 30
        ? text("%.1f", bytes / (double) (1 << 20)) + "\u00a0MiB"
        : text("%.2f", bytes / (double) (1 << 30)) + "\u00a0GiB";
  }

  /** Writes a duration. */
  static void seconds(HtmlWriter to, double seconds) {
    if (Double.isFinite(seconds)) {
      to.element("data", seconds(seconds), "value", seconds);
    } else {
      to.text(UNKNOWN);
    }
  }

  static String seconds(double seconds) {
    if (seconds < 120) {
      return text(seconds < 10 ? "%.2f" : "%.1f", seconds) + "\u00a0s";
    }
    long whole = Math.round(seconds);
    return whole < 7200
        ? "%d\u00a0min %d\u00a0s".formatted(whole / 60, whole % 60)
        : "%d\u00a0h %d\u00a0min".formatted(whole / 3600, whole % 3600 / 60);
  }
}
