package io.calm.report;

import io.calm.compare.ProbeResult;
import io.calm.compare.ProbeRow;
import io.calm.compare.ProbeStore;
import io.calm.search.QuantPlan;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/** Reads the newest comparison of an artifact with a uniform twin. */
final class LatencySource {
  /** Maximum deviation in percent that the project aims at. */
  private static final double TARGET_PERCENT = 0.3;

  private LatencySource() {}

  /** Returns the newest finished comparison; empty if there is none. */
  static Optional<Report.Latency> read(ReportSource source) {
    ProbeStore store = new ProbeStore(source.settings().loading().cacheDir());
    List<Report.Latency> found = new ArrayList<>();
    for (String algorithm : algorithms(source.plan())) {
      store
          .read(source.key().id(), QuantPlan.uniform(algorithm))
          .ifPresent(result -> found.add(latency(source.plan(), algorithm, result)));
    }
    return found.stream().max(Comparator.comparing(Report.Latency::finished));
  }

  private static List<String> algorithms(QuantPlan plan) {
    List<String> names = new ArrayList<>(plan.pool());
    plan.blocks().stream()
        .map(plan::algorithmOf)
        .filter(name -> !names.contains(name))
        .distinct()
        .forEach(names::add);
    return names;
  }

  private static Report.Latency latency(QuantPlan plan, String algorithm, ProbeResult result) {
    return new Report.Latency(
        plan.served(),
        QuantPlan.uniform(algorithm),
        plan.blocks().stream().allMatch(block -> plan.algorithmOf(block).equals(algorithm)),
        result.finished().truncatedTo(ChronoUnit.SECONDS).toString(),
        result.machine(),
        result.threads(),
        result.version(),
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
