package io.calm.report;

import io.calm.artifact.ArtifactSections;
import io.calm.artifact.SearchPhases;
import io.calm.kernels.BuildInfo;
import io.calm.kernels.MachineInfo;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.quant.AlgorithmName;
import io.calm.quant.Quantizer;
import io.calm.quant.Quantizers;
import io.calm.search.QuantPlan;
import io.calm.settings.QuantizationSettings;
import io.calm.settings.ReferenceStream;
import io.calm.settings.SettingKey;
import io.calm.settings.SettingKeys;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Builds a report from a plan, the artifact's manifest and the cache's measurements. */
final class ReportBuilder {
  private final ReportSource source;
  private final QuantPlan plan;
  private final ModelSpec spec;
  private final Optional<ArtifactSections> sections;

  ReportBuilder(ReportSource source) {
    this.source = source;
    this.plan = source.plan();
    this.spec = source.spec();
    this.sections = ArtifactSections.read(source.directory());
  }

  Report build(Instant now) {
    MeasuredResults measured = new MeasuredResults(source);
    Optional<Report.Latency> latency = LatencySource.read(source);
    return new Report(
        source.model(),
        now.truncatedTo(ChronoUnit.SECONDS).toString(),
        served(),
        measured.texts(),
        measured.tasks(),
        blocks(),
        measured.sensitivity(),
        size(),
        search(),
        latency,
        settings(),
        origin(),
        measured.missing(latency.isPresent()));
  }

  private Report.Served served() {
    Map<String, Integer> counts = new TreeMap<>();
    plan.blocks().forEach(block -> counts.merge(plan.algorithmOf(block), 1, Integer::sum));
    return new Report.Served(
        plan.served(),
        plan.reason(),
        counts,
        plan.guard().map(ReportBuilder::guard),
        head(plan.head()),
        warnings());
  }

  private static Report.Guard guard(QuantPlan.GuardResult guard) {
    List<Report.UniformPlan> uniforms =
        guard.uniforms().stream()
            .map(
                uniform ->
                    new Report.UniformPlan(
                        uniform.algorithm(),
                        uniform.blockErrors(),
                        uniform.kl(),
                        new MeasuredValue(
                            guard.mixKl() - uniform.kl(), uniform.pairedStandardError())))
            .toList();
    return new Report.Guard(
        guard.mixServed(),
        guard.mixKl(),
        guard.uniform(),
        new MeasuredValue(guard.mixKl() - guard.uniformKl(), guard.pairedStandardError()),
        uniforms);
  }

  private static Report.Head head(QuantPlan.Head head) {
    return new Report.Head(
        head.format().setting(),
        head.reason(),
        head.trial()
            .map(
                trial ->
                    new Report.HeadTrial(
                        trial.int8Kl(),
                        trial.int4Kl(),
                        new MeasuredValue(
                            trial.int4Kl() - trial.int8Kl(), trial.pairedStandardError()),
                        trial.bound())));
  }

  /** Returns the warnings of the served algorithms first, each once. */
  private List<Report.Warning> warnings() {
    Map<List<String>, List<Integer>> blocks = new LinkedHashMap<>();
    for (QuantPlan.BlockChoice block : plan.blocks()) {
      block
          .candidates()
          .forEach(
              (name, candidate) ->
                  new TreeMap<>(candidate.detail())
                      .forEach(
                          (key, finding) -> {
                            if (key.endsWith(Quantizer.WARNING)) {
                              blocks
                                  .computeIfAbsent(
                                      List.of(name, key + ": " + finding), any -> new ArrayList<>())
                                  .add(block.block());
                            }
                          }));
    }
    return blocks.entrySet().stream()
        .map(
            entry ->
                new Report.Warning(entry.getKey().get(0), entry.getKey().get(1), entry.getValue()))
        .toList();
  }

  private List<Report.Block> blocks() {
    return plan.blocks().stream()
        .map(
            block ->
                new Report.Block(
                    block.block(),
                    plan.algorithmOf(block),
                    block.algorithm(),
                    block.reason(),
                    candidates(block)))
        .toList();
  }

  /** Returns the measured candidates in the order of the pool. A single algorithm has no score. */
  private Map<String, Report.Candidate> candidates(QuantPlan.BlockChoice block) {
    List<String> order = new ArrayList<>(plan.pool());
    block.candidates().keySet().stream().filter(name -> !order.contains(name)).forEach(order::add);
    Map<String, Report.Candidate> candidates = new LinkedHashMap<>();
    for (String name : order) {
      QuantPlan.Candidate candidate = block.candidates().get(name);
      if (candidate != null
          && (candidate.failure().isPresent() || !Double.isNaN(candidate.score()))) {
        candidates.put(
            name,
            new Report.Candidate(
                candidate.score(),
                plan.metric().best() - candidate.score(),
                candidate.relativeMse(),
                candidate.normalizedMse(),
                candidate.seconds(),
                candidate.failure()));
      }
    }
    return candidates;
  }

  private Report.Size size() {
    Map<String, Long> kinds = sections.map(ArtifactSections::bytes).orElse(Map.of());
    long weights = 0;
    for (LinearRole role : LinearRole.values()) {
      weights += (long) spec.layers() * spec.outputs(role) * spec.inputs(role);
    }
    long tables = (long) spec.vocabulary() * spec.hidden() * (spec.tiedEmbeddings() ? 1 : 2);
    long blockBytes = kinds.getOrDefault("codes", 0L) + kinds.getOrDefault("scales", 0L);
    return new Report.Size(
        source.sizeInBytes(),
        weights,
        blockBytes == 0 ? Double.NaN : 8.0 * blockBytes / weights,
        weights + tables,
        8.0 * source.sizeInBytes() / (weights + tables),
        sections.map(ArtifactSections::embeddings).orElse("unknown"),
        sections.map(ArtifactSections::head).orElse("unknown"),
        kinds);
  }

  private Report.Search search() {
    Map<String, Double> seconds = new LinkedHashMap<>();
    for (String name : plan.pool()) {
      double sum =
          plan.blocks().stream()
              .flatMap(block -> Optional.ofNullable(block.candidates().get(name)).stream())
              .mapToDouble(QuantPlan.Candidate::seconds)
              .filter(Double::isFinite)
              .sum();
      seconds.put(name, sum);
    }
    return new Report.Search(
        plan.seconds(),
        seconds,
        Math.max(0, plan.seconds() - seconds.values().stream().mapToDouble(s -> s).sum()),
        SearchPhases.find(source.settings().loading().cacheDir(), source.key())
            .map(SearchPhases::seconds)
            .orElse(Map.of()),
        plan.evaluations(),
        plan.collectionForwards(),
        plan.guardForwards(),
        plan.scoredRows(),
        plan.sinkRows(),
        plan.metric().setting());
  }

  private List<Report.Setting> settings() {
    List<Report.Setting> all = new ArrayList<>();
    source
        .settings()
        .texts()
        .forEach(
            (name, text) -> SettingKeys.named(name).ifPresent(key -> all.add(setting(key, text))));
    all.sort(Comparator.comparing(setting -> !setting.changesResult()));
    return all;
  }

  private Report.Setting setting(SettingKey<?> key, String text) {
    Optional<String> resolved =
        text.equals("auto") ? Optional.ofNullable(resolved().get(key.name())) : Optional.empty();
    return new Report.Setting(
        key.name(),
        text,
        resolved,
        text.equals(key.defaultText()),
        key.effect() == SettingKey.Effect.RESULT);
  }

  private Map<String, String> resolved() {
    return Map.of(
        "calm.group",
        Integer.toString(plan.group()),
        "calm.pool",
        String.join(",", plan.pool()),
        "calm.search.metric",
        plan.metric().setting(),
        "calm.search.granularity",
        source.settings().quantization().plan().granularityAmong(plan.pool().size()).setting(),
        "calm.lm-head",
        plan.head().format().setting(),
        "calm.search.reference",
        reference().setting(),
        "calm.calibration.samples",
        Integer.toString(plan.calibration().fit()),
        "calm.calibration.length",
        Integer.toString(plan.calibration().length()));
  }

  private ReferenceStream reference() {
    Quantizers quantizers = Quantizers.load();
    boolean corrects =
        plan.pool().stream()
            .map(AlgorithmName::new)
            .map(quantizers::get)
            .anyMatch(Quantizer::comparesStreams);
    QuantizationSettings quantization = source.settings().quantization();
    return quantization.plan().reference().isFullPrecision(corrects, quantization.activation())
        ? ReferenceStream.FULL_PRECISION
        : ReferenceStream.QUANTIZED;
  }

  private Report.Origin origin() {
    QuantPlan.Calibration calibration = plan.calibration();
    return new Report.Origin(
        source.key().id(),
        source.key().modelDigests(),
        new Report.Calibration(
            calibration.source(),
            source.key().calibration(),
            calibration.fit(),
            calibration.score(),
            calibration.guard(),
            calibration.length(),
            calibration.seed()),
        spec.architecture(),
        spec.layers(),
        plan.madeBy(),
        MachineInfo.of(source.settings().decoder().kernelsOnThisMachine()),
        BuildInfo.current());
  }
}
