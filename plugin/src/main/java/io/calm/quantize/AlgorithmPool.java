package io.calm.quantize;

import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.SourceCoverage;
import io.calm.model.ActivationMode;
import io.calm.model.ModelSpec;
import io.calm.quant.AlgorithmName;
import io.calm.quant.Granularity;
import io.calm.quant.QuantizationException;
import io.calm.quant.Quantizer;
import io.calm.quant.Quantizers;
import io.calm.settings.CalmSettings;
import io.calm.settings.PlanSettings;
import io.calm.settings.QuantizationSettings;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * The algorithms that a search tries on a checkpoint, and the group size: as the settings say, else
 * as the checkpoint suggests.
 */
final class AlgorithmPool {
  private static final int DEFAULT_GROUP = 128;
  private static final int SOURCE_GROUP = 32;

  /**
   * Minimum share of the blocks' weights that the checkpoint must store as 4-bit groups of 32 for
   * {@code source} to be the default. A Q4_K_M file has 0.85, the rest being Q6_K.
   */
  private static final double MIN_SOURCE_SHARE = 0.75;

  private static final String KEYS = "calm.pool or calm.algorithm";
  private static final AlgorithmName SOURCE = new AlgorithmName("source");
  private static final String SOURCE_REASON =
      "the checkpoint's own 4-bit blocks are W4A8 modules as they stand: no weight error, so no"
          + " other algorithm was tried";

  private final CalmSettings settings;
  private final ModelSpec spec;
  private final SourceCoverage coverage;
  private final int group;
  private final boolean sourceAlone;

  AlgorithmPool(Checkpoint checkpoint, CalmSettings settings) {
    this.settings = settings;
    this.spec = checkpoint.spec();
    this.coverage = checkpoint.sourceCoverage();
    this.group = group(checkpoint, settings);
    this.sourceAlone = isSourceAlone(checkpoint, settings);
  }

  /** Returns the maximum number of inputs that share a scale. */
  int group() {
    return group;
  }

  /**
   * Returns the maximum number of inputs that share a scale: as set, else 32 for a checkpoint most
   * of whose weights are 4-bit groups of that size, or if {@code source} is asked for, else 128.
   */
  static int group(Checkpoint checkpoint, CalmSettings settings) {
    QuantizationSettings quantization = settings.quantization();
    return quantization.group().isPresent()
        ? quantization.group().getAsInt()
        : sourceIsDefault(checkpoint.sourceCoverage(), quantization.plan())
            ? SOURCE_GROUP
            : DEFAULT_GROUP;
  }

  /**
   * Returns whether the plan is {@code source} by default, so that there is neither a search nor a
   * calibration.
   */
  static boolean isSourceAlone(Checkpoint checkpoint, CalmSettings settings) {
    PlanSettings plan = settings.quantization().plan();
    return plan.algorithm().isEmpty()
        && plan.pool().isEmpty()
        && group(checkpoint, settings) == SOURCE_GROUP
        && checkpoint.sourceCoverage().share() >= MIN_SOURCE_SHARE;
  }

  private static boolean sourceIsDefault(SourceCoverage coverage, PlanSettings plan) {
    return coverage.share() >= MIN_SOURCE_SHARE || (coverage.any() && namesSource(plan));
  }

  private static boolean namesSource(PlanSettings plan) {
    return Stream.concat(plan.algorithm().stream(), plan.pool().stream())
        .anyMatch(name -> isSource(name.text()));
  }

  /**
   * Returns the algorithms to try: {@code source} alone if it applies and the settings name none.
   *
   * @throws IllegalArgumentException if the settings name one that the checkpoint does not allow,
   *     or only such as cannot work on its sizes
   */
  List<Quantizer> quantizers() {
    List<Quantizer> pool = named();
    requireSizes(KEYS, pool, spec, settings.quantization().plan().granularityAmong(pool.size()));
    return pool;
  }

  /**
   * Requires that for every part of a block there is an algorithm that can work on its sizes.
   *
   * @param keys settings that name the algorithms
   * @throws IllegalArgumentException if there is none
   */
  static void requireSizes(
      String keys, List<Quantizer> pool, ModelSpec spec, Granularity granularity) {
    for (Granularity.Part part : granularity.parts()) {
      List<String> failures = new ArrayList<>();
      for (Quantizer quantizer : pool) {
        try {
          part.stages().forEach(stage -> quantizer.requireSize(spec, stage));
        } catch (QuantizationException e) {
          failures.add("%s: %s".formatted(quantizer.name(), e.getMessage()));
        }
      }
      if (failures.size() == pool.size()) {
        throw new IllegalArgumentException(
            "%s: no named algorithm can quantize blocks of this size: %s"
                .formatted(keys, String.join("; ", failures)));
      }
    }
  }

  private List<Quantizer> named() {
    Quantizers quantizers = Quantizers.load();
    PlanSettings plan = settings.quantization().plan();
    if (plan.algorithm().isPresent()) {
      return List.of(required(quantizers.get(plan.algorithm().get()), KEYS));
    }
    if (!plan.pool().isEmpty()) {
      return plan.pool().stream().map(quantizers::get).map(q -> required(q, KEYS)).toList();
    }
    if (sourceAlone) {
      return List.of(quantizers.get(SOURCE));
    }
    return defaultPool(quantizers, settings.quantization());
  }

  /** Returns the pool of {@code calm.pool=auto} if {@code source} alone is not the plan. */
  static List<Quantizer> defaultPool(Quantizers quantizers, QuantizationSettings settings) {
    ActivationMode activation = settings.activation();
    return quantizers.defaultPool(
        activation, settings.calibration().effort().propagates(activation));
  }

  /** Returns whether the only algorithm to try needs no calibration. */
  boolean isWeightsOnly() {
    return isWeightsOnly(quantizers());
  }

  static boolean isWeightsOnly(List<Quantizer> pool) {
    return pool.size() == 1 && !pool.get(0).needsCalibration();
  }

  /** Returns whether the codes of the checkpoint can be taken as they are. */
  boolean sourceApplies() {
    return group == SOURCE_GROUP && coverage.any();
  }

  /** Returns whether an algorithm takes stored codes: {@code source}, or a composition with it. */
  private static boolean isSource(String algorithm) {
    return algorithm.equals(SOURCE.text()) || algorithm.startsWith(SOURCE.text() + "+");
  }

  private Quantizer required(Quantizer quantizer, String keys) {
    if (isSource(quantizer.name()) && !sourceApplies()) {
      throw new IllegalArgumentException(
          ("%s: '%s' needs a checkpoint with linears of type Q4_0, Q4_1 or"
                  + " Q4_K, and calm.group=32 or auto; got %s, and group %d; remove it or use such a"
                  + " checkpoint")
              .formatted(keys, quantizer.name(), coverage.any() ? "one" : "one without", group));
    }
    return quantizer;
  }

  /**
   * Returns the algorithm of {@code calm.baseline}.
   *
   * @throws IllegalArgumentException if there is none, or if the checkpoint does not allow it
   */
  Quantizer baseline(AlgorithmName name) {
    try {
      Quantizer quantizer = required(Quantizers.load().get(name), "calm.baseline");
      requireSizes("calm.baseline", List.of(quantizer), spec, Granularity.BLOCK);
      return quantizer;
    } catch (IllegalArgumentException e) {
      String message = String.valueOf(e.getMessage());
      throw new IllegalArgumentException(
          message.startsWith("calm.baseline") ? message : "calm.baseline: " + message, e);
    }
  }

  /** Returns why a plan is made without a search and from weights alone. */
  String weightsOnlyReason(Quantizer quantizer) {
    return isSource(quantizer.name())
        ? sourceReason()
        : settings
            .quantization()
            .plan()
            .algorithm()
            .map(name -> oneAlgorithm(name.text()))
            .orElse("calm.pool names no other algorithm");
  }

  /** Returns the reason of a plan that was not searched for, by whatever setting. */
  static String oneAlgorithm(String name) {
    return "one algorithm for all blocks: " + name;
  }

  private String sourceReason() {
    return coverage.isExact()
        ? SOURCE_REASON
        : String.format(
            Locale.ROOT,
            "%.1f %% of the blocks' weights are the checkpoint's own 4-bit groups of 32, taken with"
                + " their codes%s; %sno other algorithm was tried: to search, set"
                + " calm.pool=%s",
            100 * coverage.share(),
            coverage.rounded() > 0 ? " and with scales rounded to float16" : "",
            coverage.none() > 0 ? "the others are rounded to the nearest codes; " : "",
            defaultPool(Quantizers.load(), settings.quantization()).stream()
                .map(Quantizer::name)
                .collect(Collectors.joining(",")));
  }
}
