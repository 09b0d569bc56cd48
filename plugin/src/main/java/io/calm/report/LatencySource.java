package io.calm.report;

import java.util.Optional;

/** Reads the comparison with the uniform twin that is kept beside the artifact. */
final class LatencySource {
  private LatencySource() {}

  /** Returns the finished comparison; empty if there is none. */
  static Optional<Report.Latency> read(ReportSource source) {
    return Optional.empty();
  }
}
