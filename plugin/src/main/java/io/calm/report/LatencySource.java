package io.calm.report;

import io.calm.compare.ProbeResult;
import io.calm.compare.ProbeRow;
import io.calm.compare.ProbeStore;
import io.calm.search.QuantPlan;
import java.time.temporal.ChronoUnit;
import java.util.Comparator;
import java.util.Optional;

/** Reads the newest comparison of an artifact with a uniform twin. */
final class LatencySource {
  /** Maximum deviation in percent that the project aims at. */
  private static final double TARGET_PERCENT = 0.3;

  private LatencySource() {}

  /**
   * Returns the newest finished comparison, with whichever uniform plan; empty if there is none.
   */
  static Optional<Report.Latency> read(ReportSource source) {
    return new ProbeStore(source.settings().loading().cacheDir())
        .readAll(source.key().id()).entrySet().stream()
            .map(entry -> latency(source.plan(), entry.getKey(), entry.getValue()))
            .max(Comparator.comparing(Report.Latency::finished));
  }

  private static Report.Latency latency(QuantPlan plan, String baseline, ProbeResult result) {
    return new Report.Latency(
        plan.served(),
        baseline,
        plan.blocks().stream()
            .allMatch(block -> QuantPlan.uniform(plan.algorithmOf(block)).equals(baseline)),
        result.finished().truncatedTo(ChronoUnit.SECONDS).toString(),
        result.machine(),
        result.threads(),
        result.version(),
        result.commit(),
        TARGET_PERCENT,
        result.rows().stream().map(LatencySource::row).toList());
  }

  private static Report.LatencyRow row(ProbeRow row) {
    return new Report.LatencyRow(
        row.phase().text(),
        row.sequences(),
        row.steps(),
        row.openings(),
        row.served().mean(),
        row.served().p99(),
        row.uniform().mean(),
        row.uniform().p99(),
        row.deviation().percent(),
        row.deviation().low(),
        row.deviation().high());
  }
}
