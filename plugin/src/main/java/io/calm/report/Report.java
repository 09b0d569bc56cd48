package io.calm.report;

import io.calm.kernels.BuildInfo;
import io.calm.kernels.MachineInfo;
import io.calm.search.QuantPlan;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Everything that is known about a quantized model: the decisions of its search and the
 * measurements that the cache keeps. {@link ReportJson} and {@link ReportHtml} write it.
 *
 * @param model name of the model
 * @param created date and time of the report in UTC, ISO 8601
 * @param served what is served and why
 * @param texts perplexities and divergences, one entry per text and part of it
 * @param tasks accuracies, one entry per task
 * @param blocks the choice and the scores of each block, in order
 * @param sensitivity impact of each block alone; empty if it was not measured
 * @param size bits and bytes
 * @param search cost of the search
 * @param latency comparison with the uniform twin; empty if it was not measured
 * @param settings values of all keys, those that change the result first
 * @param origin where the artifact comes from
 * @param missing what was not measured, with the command that does
 */
public record Report(
    String model,
    String created,
    Served served,
    List<Fidelity> texts,
    List<Fidelity> tasks,
    List<Block> blocks,
    Optional<Sensitivity> sensitivity,
    Size size,
    Search search,
    Optional<Latency> latency,
    List<Setting> settings,
    Origin origin,
    List<Missing> missing) {
  /** Role of the scores of the served artifact. */
  public static final String SERVED = "served";

  /** Role of the scores of a uniform plan with the same settings. */
  public static final String UNIFORM = "uniform";

  /** Role of the scores of the full-precision model. */
  public static final String REFERENCE = "reference";

  public Report {
    texts = List.copyOf(texts);
    tasks = List.copyOf(tasks);
    blocks = List.copyOf(blocks);
    settings = List.copyOf(settings);
    missing = List.copyOf(missing);
  }

  /**
   * The served variant.
   *
   * @param variant {@code calm} for the mix, {@code uniform-NAME} for a uniform plan
   * @param reason the plan's reason
   * @param counts number of blocks that each algorithm serves
   * @param warnings findings of the algorithms that an operator should know
   */
  public record Served(
      String variant,
      String reason,
      Map<String, Integer> counts,
      Optional<Guard> guard,
      Head head,
      List<Warning> warnings) {}

  /**
   * The mix against uniform plans: mean KL divergence to full precision on held-out sequences, in
   * nats per token.
   *
   * @param uniform algorithm of the best uniform plan
   * @param difference the mix minus that plan, with the paired standard error
   */
  public record Guard(
      boolean mixServed,
      double mixKl,
      String uniform,
      MeasuredValue difference,
      List<UniformPlan> uniforms) {}

  /**
   * A uniform plan of the guard.
   *
   * @param blockErrors sum of the relative errors of its blocks
   * @param difference the mix minus this plan
   */
  public record UniformPlan(
      String algorithm, double blockErrors, double kl, MeasuredValue difference) {}

  /** The format of the lm_head. */
  public record Head(String format, String reason, Optional<HeadTrial> trial) {}

  /**
   * The measured divergences behind the choice of the lm_head, in nats per token.
   *
   * @param difference int4 minus int8
   * @param bound maximum difference for int4
   */
  public record HeadTrial(double int8Kl, double int4Kl, MeasuredValue difference, double bound) {}

  /** A warning and the blocks that have it. */
  public record Warning(String algorithm, String text, List<Integer> blocks) {}

  /**
   * The scores of several precisions on the same part of a text or task.
   *
   * @param count number of windows or questions
   * @param length tokens per window; 0 for a task
   * @param kvCache format of keys and values, if it was named
   */
  public record Fidelity(
      String kind,
      String name,
      String digest,
      int count,
      int length,
      long scored,
      Optional<String> kvCache,
      List<Scores> precisions) {}

  /**
   * The scores of one precision.
   *
   * @param role {@code reference}, {@code served} or {@code uniform}
   * @param values see {@link Measurement#values}
   */
  public record Scores(
      String role,
      String variant,
      Map<String, MeasuredValue> values,
      String date,
      BuildInfo build) {}

  /**
   * A block of the model.
   *
   * @param served the algorithm that serves it; those of its parts with slashes between if they
   *     differ
   * @param chosen the same of the mix; another one if the guard rejected the mix
   * @param candidates results of the algorithms, by name; empty without a search
   */
  public record Block(
      int block, String served, String chosen, String reason, Map<String, Candidate> candidates) {

    /** Returns whether an algorithm serves the block or a part of it. */
    boolean serves(String algorithm) {
      return List.of(served.split("/", -1)).contains(algorithm);
    }

    /** Returns whether the mix has an algorithm in the block or a part of it. */
    boolean chose(String algorithm) {
      return List.of(chosen.split("/", -1)).contains(algorithm);
    }
  }

  /**
   * The result of one algorithm on one block.
   *
   * @param loss distance of the score from that of a perfect candidate; NaN if there is none
   */
  public record Candidate(
      double score,
      double loss,
      double relativeMse,
      double normalizedMse,
      double seconds,
      Optional<String> failure) {}

  /**
   * The impact of each block alone: mean KL divergence to full precision of a model with only that
   * block quantized, in nats per token.
   *
   * @param length tokens per window
   * @param windows number of windows of each text
   */
  public record Sensitivity(
      Map<String, Integer> windows, int length, List<String> pool, List<Impact> blocks) {}

  /**
   * The impact of one block.
   *
   * @param served impact of the algorithm that serves the block; empty if it was not measured
   * @param algorithms impact of each algorithm that succeeded
   */
  public record Impact(
      int block, Optional<MeasuredValue> served, Map<String, MeasuredValue> algorithms) {}

  /**
   * Bits and bytes.
   *
   * @param bytes size of all files of the artifact
   * @param weights number of weights in the linears of the blocks
   * @param bitsPerWeight bits of codes and scales per weight of the blocks
   * @param parameters number of all parameters, tables included; a tied lm_head counts once
   * @param bitsPerParameter bits of the whole artifact per parameter
   * @param kinds bytes by kind of section; empty if the artifact's directory is gone
   */
  public record Size(
      long bytes,
      long weights,
      double bitsPerWeight,
      long parameters,
      double bitsPerParameter,
      String embeddings,
      String head,
      Map<String, Long> kinds) {}

  /**
   * The cost of the search.
   *
   * @param seconds duration of the search, from the end of its calibration to the last choice
   * @param algorithms seconds that each algorithm took to quantize and score all blocks
   * @param otherSeconds the rest of the duration: full-precision forwards, the guard and the
   *     lm_head
   * @param phases seconds of each phase, in order; empty if the artifact was made by a version that
   *     did not keep them
   */
  public record Search(
      double seconds,
      Map<String, Double> algorithms,
      double otherSeconds,
      Map<String, Double> phases,
      int evaluations,
      int collectionForwards,
      int guardForwards,
      int scoredRows,
      int sinkRows,
      String metric) {}

  /**
   * The comparison with the uniform twin.
   *
   * @param identical whether all blocks of both plans are the same
   * @param finished date and time of the measurement in UTC, ISO 8601
   * @param threads threads of the decoders
   * @param version version of CALM that measured
   * @param commit its commit; empty if it is not known
   * @param targetPercent maximum deviation that the project aims at
   */
  public record Latency(
      String variant,
      String baseline,
      boolean identical,
      String finished,
      MachineInfo machine,
      int threads,
      String version,
      Optional<String> commit,
      double targetPercent,
      List<LatencyRow> rows) {}

  /**
   * One phase and batch size.
   *
   * @param openings number of times that both plans were opened
   * @param deviationPercent the served plan over the uniform plan; positive is slower
   * @param lowPercent lower bound of the 95 % interval; NaN if there were too few openings
   */
  public record LatencyRow(
      String phase,
      int sequences,
      int steps,
      int openings,
      double servedMeanMs,
      double servedP99Ms,
      double uniformMeanMs,
      double uniformP99Ms,
      double deviationPercent,
      double lowPercent,
      double highPercent) {
    /** Returns whether the deviation has an interval. */
    boolean hasInterval() {
      return Double.isFinite(lowPercent) && Double.isFinite(highPercent);
    }
  }

  /**
   * A setting.
   *
   * @param value as an operator would write it
   * @param resolved the meaning of {@code auto} in this artifact; empty for other values
   * @param isDefault whether the value is the default
   * @param changesResult whether another value makes another artifact
   */
  public record Setting(
      String key,
      String value,
      Optional<String> resolved,
      boolean isDefault,
      boolean changesResult) {}

  /**
   * The origin of the artifact.
   *
   * @param artifact id of the artifact
   * @param modelDigests SHA-256 of the model's files, in the checkpoint's order
   * @param calibration origin of the calibration tokens
   * @param architecture architecture of the model
   * @param madeBy program and machine that made the artifact; empty if an earlier version made it
   * @param machine machine of this report
   * @param build version of CALM that wrote this report
   */
  public record Origin(
      String artifact,
      List<String> modelDigests,
      Calibration calibration,
      String architecture,
      int layers,
      Optional<QuantPlan.MadeBy> madeBy,
      MachineInfo machine,
      BuildInfo build) {}

  /**
   * The calibration.
   *
   * @param source {@code self} for the model's own samples, else the name of the file
   * @param identity digest of the file, or {@code self}
   * @param fit number of sequences for the quantizers, the search and the guard
   */
  public record Calibration(
      String source, String identity, int fit, int score, int guard, int length, long seed) {}

  /**
   * A measurement that does not exist yet.
   *
   * @param section {@code texts}, {@code tasks}, {@code sensitivity} or {@code latency}
   * @param command the command that makes it
   */
  public record Missing(String section, String what, String command) {}
}
