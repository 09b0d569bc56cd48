package io.calm.metrics;

import com.sun.management.OperatingSystemMXBean;
import io.prometheus.client.Collector.MetricFamilySamples;
import io.prometheus.client.GaugeMetricFamily;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The resident memory of this process (heap, weights, keys and values) and its limit. */
final class ProcessMemory {
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Pattern RESIDENT = Pattern.compile("VmRSS:\\s+(\\d+) kB");

  private ProcessMemory() {}

  /** Returns the family, without a sample if the operating system does not provide the value. */
  static MetricFamilySamples collect() {
    GaugeMetricFamily family =
        new GaugeMetricFamily(
            "calm_process_resident_memory_bytes", "Memory of the process in RAM.", List.of());
    residentBytes().ifPresent(bytes -> family.addMetric(List.of(), (double) bytes));
    return family;
  }

  /**
   * Returns the limit: the memory of the container if it has a limit, else that of the machine. No
   * sample if the JVM does not tell.
   */
  static MetricFamilySamples limit() {
    GaugeMetricFamily family =
        new GaugeMetricFamily(
            "calm_memory_limit_bytes", "Memory of the container or the machine.", List.of());
    if (ManagementFactory.getOperatingSystemMXBean() instanceof OperatingSystemMXBean system) {
      family.addMetric(List.of(), (double) system.getTotalMemorySize());
    }
    return family;
  }

  private static OptionalLong residentBytes() {
    try {
      if (Files.isReadable(STATUS)) {
        Matcher line = RESIDENT.matcher(Files.readString(STATUS));
        if (line.find()) {
          return OptionalLong.of(Long.parseLong(line.group(1)) << 10);
        }
      }
      return OptionalLong.empty();
    } catch (IOException e) {
      return OptionalLong.empty(); // a gauge that is missing says so
    }
  }
}
