package io.calm.metrics;

import io.prometheus.client.Collector.MetricFamilySamples;
import io.prometheus.client.GaugeMetricFamily;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The resident memory of this process: heap, mapped weights, keys and values together. */
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
