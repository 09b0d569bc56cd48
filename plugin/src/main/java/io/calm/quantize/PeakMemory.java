package io.calm.quantize;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The peak resident memory of this process since its start, from VmHWM of Linux. */
final class PeakMemory {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Pattern PEAK = Pattern.compile("VmHWM:\\s+(\\d+) kB");

  private PeakMemory() {}

  /** Returns the peak in bytes; 0 if the operating system does not tell. */
  static long bytes() {
    try {
      return Files.isReadable(STATUS) ? parse(Files.readString(STATUS)) : 0;
    } catch (IOException e) {
      return 0; // the line is left out
    }
  }

  /** Returns the peak in the text of {@code /proc/self/status}; 0 if it is not there. */
  static long parse(String status) {
    Matcher line = PEAK.matcher(status);
    return line.find() ? Long.parseLong(line.group(1)) << 10 : 0;
  }
}
