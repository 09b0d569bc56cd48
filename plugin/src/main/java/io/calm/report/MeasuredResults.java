package io.calm.report;

import io.calm.quant.Quantizers;
import io.calm.search.QuantPlan;
import io.calm.search.SensitivityTable;
import io.calm.text.Urls;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The measurements of an artifact, of its uniform plans and of full precision, by what they
 * measured.
 */
final class MeasuredResults {
  private final ReportSource source;
  private final QuantPlan plan;
  private final List<Report.Fidelity> results;
  private final Optional<Report.Sensitivity> sensitivity;

  MeasuredResults(ReportSource source) {
    this.source = source;
    this.plan = source.plan();
    Measurements kept = new Measurements(source.settings().loading().cacheDir());
    this.results = results(kept);
    this.sensitivity =
        kept.sensitivity(source.key(), plan.group()).stream()
            .max(
                Comparator.comparingInt((SensitivityTable table) -> table.cells().size())
                    .thenComparingInt(table -> table.texts().size()))
            .map(this::sensitivity);
  }

  /** Groups the scores by what was scored, if the served artifact has been measured on it. */
  private List<Report.Fidelity> results(Measurements kept) {
    Map<Measurement.Subject, List<Report.Scores>> scores = new LinkedHashMap<>();
    kept.of(source.key()).stream()
        .sorted(Comparator.comparing(Measurement::name).thenComparing(Measurement::count))
        .forEach(
            measurement -> {
              List<Report.Scores> all = new ArrayList<>();
              all.add(scores(Report.SERVED, measurement));
              scores.put(measurement.subject(), all);
            });
    Set<String> algorithms = new LinkedHashSet<>(plan.pool());
    algorithms.addAll(Quantizers.load().namesWithCompositions()); // --against takes any of them
    for (String algorithm : algorithms) {
      if (!source.key().equals(Measurements.uniform(source.key(), algorithm))) {
        kept.of(Measurements.uniform(source.key(), algorithm))
            .forEach(measurement -> add(scores, Report.UNIFORM, measurement));
      }
    }
    // Full precision has no format of keys and values: it is the reference of all of them.
    for (Measurement reference : kept.ofReference(source.key())) {
      scores.forEach(
          (subject, all) -> {
            if (subject.equals(reference.with(subject.kvCache()).subject())) {
              all.add(0, scores(Report.REFERENCE, reference));
            }
          });
    }
    return scores.entrySet().stream()
        .map(entry -> fidelity(entry.getKey(), entry.getValue()))
        .toList();
  }

  private static void add(
      Map<Measurement.Subject, List<Report.Scores>> scores, String role, Measurement measurement) {
    Optional.ofNullable(scores.get(measurement.subject()))
        .ifPresent(all -> all.add(scores(role, measurement)));
  }

  private static Report.Scores scores(String role, Measurement measurement) {
    return new Report.Scores(
        role, measurement.variant(), measurement.values(), measurement.date(), measurement.build());
  }

  private static Report.Fidelity fidelity(Measurement.Subject subject, List<Report.Scores> scores) {
    return new Report.Fidelity(
        subject.kind(),
        subject.name(),
        subject.digest(),
        subject.count(),
        subject.length(),
        subject.scored(),
        subject.kvCache(),
        scores);
  }

  private Report.Sensitivity sensitivity(SensitivityTable table) {
    String text = table.texts().size() > 1 ? SensitivityTable.ALL : table.textNames().get(0);
    List<Report.Impact> blocks = new ArrayList<>();
    for (int block : table.blocks()) {
      Map<String, MeasuredValue> algorithms = new LinkedHashMap<>();
      table.cells().stream()
          .filter(cell -> cell.block() == block && cell.failure().isEmpty())
          .forEach(
              cell -> {
                SensitivityTable.Estimate kl = table.kl(cell, text);
                algorithms.put(cell.algorithm(), new MeasuredValue(kl.mean(), kl.standardError()));
              });
      Optional<MeasuredValue> served =
          block < plan.blocks().size()
              ? Optional.ofNullable(algorithms.get(plan.algorithmOf(plan.blocks().get(block))))
              : Optional.empty();
      blocks.add(new Report.Impact(block, served, algorithms));
    }
    return new Report.Sensitivity(table.texts(), table.length(), table.pool(), blocks);
  }

  List<Report.Fidelity> texts() {
    return of(Measurement.TEXT);
  }

  List<Report.Fidelity> tasks() {
    return of(Measurement.TASK);
  }

  private List<Report.Fidelity> of(String kind) {
    return results.stream().filter(result -> result.kind().equals(kind)).toList();
  }

  Optional<Report.Sensitivity> sensitivity() {
    return sensitivity;
  }

  /** Returns what was not measured. */
  List<Report.Missing> missing(boolean latency) {
    List<Report.Missing> missing = new ArrayList<>();
    String model = source.argument().isEmpty() ? "" : " " + source.argument();
    boolean kl = texts().stream().anyMatch(text -> hasValue(text, "kl"));
    if (texts().isEmpty() || !kl) {
      missing.add(
          new Report.Missing(
              "texts",
              texts().isEmpty()
                  ? "perplexity, KL divergence from full precision and top-1 agreement"
                  : "KL divergence from full precision and top-1 agreement",
              "./calm eval" + model + " --text FILE --kl" + against()));
    }
    if (tasks().isEmpty()) {
      missing.add(
          new Report.Missing(
              "tasks", "accuracy on tasks", "./calm eval" + model + " --tasks FILE" + against()));
    }
    if (sensitivity.isEmpty()) {
      missing.add(
          new Report.Missing(
              "sensitivity", "sensitivity of each block", "./calm sensitivity" + model));
    }
    if (!latency) {
      missing.add(
          new Report.Missing(
              "latency",
              "latency against the uniform plan",
              "curl -X POST http://HOST:PORT/calm/models/"
                  + Urls.segment(source.model())
                  + "/latency"));
    }
    return missing;
  }

  /** Returns the options that compare with the best uniform plan of the guard, if there was one. */
  private String against() {
    return plan.guard().map(guard -> " --against " + guard.uniform()).orElse("");
  }

  private static boolean hasValue(Report.Fidelity fidelity, String name) {
    return fidelity.precisions().stream()
        .anyMatch(
            scores -> scores.role().equals(Report.SERVED) && scores.values().containsKey(name));
  }
}
