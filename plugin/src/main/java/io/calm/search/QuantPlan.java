package io.calm.search;

import io.calm.cka.Metric;
import io.calm.kernels.BuildInfo;
import io.calm.kernels.MachineInfo;
import io.calm.quant.Granularity;
import io.calm.tensor.TableFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The result of a search with everything it measured. Stored as JSON beside the blocks.
 *
 * @param blocks one choice for each layer, in order
 * @param pool names of the algorithms that were tried
 * @param served {@code calm} for the mix, {@code uniform-NAME} for a uniform plan
 * @param reason the reason for serving that variant, in one sentence
 * @param group maximum number of inputs that share a scale ({@code calm.group}, with {@code auto}
 *     resolved)
 * @param metric the measure that scored candidates
 * @param evaluations number of candidates that were scored: layers x pool, or, if the parts of a
 *     block are chosen one by one, layers x (pool x parts + 1), the last being the finished block
 * @param collectionForwards number of partial block forwards that collected inputs of quantizers
 * @param guardForwards number of block forwards over the guard's part, which the lm_head is judged
 *     on too, and over the fit part for the uniform plan of the guard
 * @param sinkRows rows of the score that are attention sinks, summed over the blocks
 * @param scoredRows all rows of the score, summed over the blocks; all candidates of a block share
 *     its rows, which count once
 * @param guard comparison with the best uniform plan; empty if there was none
 * @param head format of the lm_head and its reason
 * @param calibration origin of the calibration tokens
 * @param seconds duration of the whole search
 * @param madeBy program and machine that made the plan; empty if an earlier version made it
 */
public record QuantPlan(
    List<BlockChoice> blocks,
    List<String> pool,
    String served,
    String reason,
    int group,
    Metric metric,
    int evaluations,
    int collectionForwards,
    int guardForwards,
    int sinkRows,
    int scoredRows,
    Optional<GuardResult> guard,
    Head head,
    Calibration calibration,
    double seconds,
    Optional<MadeBy> madeBy) {

  public QuantPlan {
    blocks = List.copyOf(blocks);
    pool = List.copyOf(pool);
  }

  /** Returns the name of the variant that uses one algorithm, e.g. {@code uniform-gptq}. */
  public static String uniform(String algorithm) {
    return "uniform-" + algorithm;
  }

  /** Returns the only algorithm of the served blocks; empty if they are a mix. */
  public Optional<String> servedUniform() {
    if (!served.equals(Search.MIX)) {
      return Optional.of(served.substring(uniform("").length()));
    }
    return onlyAlgorithm(blocks);
  }

  /** Returns the only algorithm of blocks and of all their parts; empty if there are several. */
  static Optional<String> onlyAlgorithm(List<BlockChoice> blocks) {
    List<Optional<String>> algorithms =
        blocks.stream().map(BlockChoice::uniform).distinct().toList();
    return algorithms.size() == 1 ? algorithms.get(0) : Optional.empty();
  }

  /**
   * Returns the algorithm whose uniform plan has the lowest sum of block errors among those of the
   * pool, as the candidates were measured; empty if each failed on a block.
   */
  public Optional<String> lowestErrors() {
    return UniformRanking.first(pool, blocks);
  }

  /**
   * Returns the description of a uniform plan that was made beside this one, on the same
   * calibration and with the same lm_head.
   *
   * @param reason the reason for the plan, in one sentence
   */
  public QuantPlan ofUniform(String algorithm, String reason) {
    return new QuantPlan(
        blocks.stream()
            .map(block -> new BlockChoice(block.block(), algorithm, reason, Map.of()))
            .toList(),
        List.of(algorithm),
        uniform(algorithm),
        reason,
        group,
        metric,
        0,
        0,
        0,
        0,
        0,
        Optional.empty(),
        head,
        calibration,
        0,
        madeBy);
  }

  /** Returns this plan with another lm_head. */
  public QuantPlan withHead(Head other) {
    return with(other, madeBy);
  }

  /** Returns this plan with the program and machine that made it. */
  public QuantPlan withMadeBy(MadeBy maker) {
    return with(head, Optional.of(maker));
  }

  private QuantPlan with(Head newHead, Optional<MadeBy> maker) {
    return new QuantPlan(
        blocks,
        pool,
        served,
        reason,
        group,
        metric,
        evaluations,
        collectionForwards,
        guardForwards,
        sinkRows,
        scoredRows,
        guard,
        newHead,
        calibration,
        seconds,
        maker);
  }

  /**
   * Returns the algorithm that serves a block: the chosen one, unless the guard rejected the mix.
   */
  public String algorithmOf(BlockChoice block) {
    return servedInstead().orElse(block.algorithm());
  }

  /** Returns the result of the block that is served; empty if it was not scored. */
  public Optional<Candidate> resultOf(BlockChoice block) {
    return servedInstead()
        .map(name -> Optional.ofNullable(block.candidates().get(name)))
        .orElseGet(block::result);
  }

  /** Returns the algorithms that serve the parts of a block, in order; one if they are the same. */
  public List<String> algorithmsOf(BlockChoice block) {
    return servedInstead()
        .map(List::of)
        .orElseGet(
            () ->
                block.uniform().map(List::of).orElseGet(() -> block.parts().orElseThrow().each()));
  }

  /** Returns the algorithm that replaces a mix that the guard rejected. */
  private Optional<String> servedInstead() {
    return guard.filter(result -> !result.mixServed()).map(GuardResult::uniform);
  }

  /**
   * The choice for one block.
   *
   * @param algorithm the chosen member of the pool; if the parts of the block have several, theirs
   *     with slashes between, in the order of {@link Granularity#parts}, e.g. {@code
   *     qep/gptq/qep/qep}
   * @param reason the reason, e.g. {@code highest score}
   * @param candidates the result of every member, by name; if the parts were chosen one by one, its
   *     results on them together ({@link Parts#together})
   * @param parts the choices within the block; empty if the block was chosen as a whole
   */
  public record BlockChoice(
      int block,
      String algorithm,
      String reason,
      Map<String, Candidate> candidates,
      Optional<Parts> parts) {

    /** Creates the choice of a block as a whole. */
    public BlockChoice(
        int block, String algorithm, String reason, Map<String, Candidate> candidates) {
      this(block, algorithm, reason, candidates, Optional.empty());
    }

    /** Returns the only algorithm of the block; empty if its parts have several. */
    public Optional<String> uniform() {
      return parts.isEmpty() || parts.get().each().stream().distinct().count() == 1
          ? Optional.of(algorithm)
          : Optional.empty();
    }

    /** Returns the result of the chosen block; empty if it was not scored. */
    public Optional<Candidate> result() {
      return parts.map(Parts::whole).or(() -> Optional.ofNullable(candidates.get(algorithm)));
    }
  }

  /**
   * The choices within a block.
   *
   * @param choices one for each part, in order
   * @param whole the result of the finished block
   */
  public record Parts(List<PartChoice> choices, Candidate whole) {
    public Parts {
      choices = List.copyOf(choices);
    }

    /** Returns the algorithm of each part, in order. */
    List<String> each() {
      return choices.stream().map(PartChoice::algorithm).toList();
    }

    /** Returns the name of the choice: the only algorithm, or all with slashes between. */
    static String name(List<PartChoice> choices) {
      List<String> names = choices.stream().map(PartChoice::algorithm).toList();
      return names.stream().distinct().count() == 1 ? names.get(0) : String.join("/", names);
    }

    /**
     * Returns the results of every algorithm on all parts together: the mean of its scores, and the
     * sums of its errors and seconds. It has failed if it failed on a part.
     */
    static Map<String, Candidate> together(List<PartChoice> choices) {
      Map<String, Candidate> together = new LinkedHashMap<>();
      for (String name : choices.get(0).candidates().keySet()) {
        together.put(
            name, sum(choices.stream().map(choice -> choice.candidates().get(name)).toList()));
      }
      return together;
    }

    private static Candidate sum(List<Candidate> parts) {
      Map<String, String> detail = new TreeMap<>();
      parts.forEach(part -> detail.putAll(part.detail()));
      return new Candidate(
          parts.stream().mapToDouble(Candidate::score).average().orElse(Double.NaN),
          parts.stream().mapToDouble(Candidate::biasedScore).average().orElse(Double.NaN),
          parts.stream().mapToDouble(Candidate::relativeMse).sum(),
          parts.stream().mapToDouble(Candidate::normalizedMse).sum(),
          parts.stream().mapToDouble(Candidate::seconds).sum(),
          parts.stream().flatMap(part -> part.failure().stream()).findFirst(),
          detail);
    }
  }

  /**
   * The choice for one part of a block.
   *
   * @param part its name: {@code qkv}, {@code o}, {@code gate+up}, {@code down}, or {@code
   *     attention}, {@code mlp}
   * @param algorithm the chosen member of the pool
   * @param reason the reason, e.g. {@code highest score}
   * @param candidates the result of every member, by name. Score and errors are those of the
   *     residual stream after the half of the block that the part belongs to.
   */
  public record PartChoice(
      String part, String algorithm, String reason, Map<String, Candidate> candidates) {}

  /**
   * The result of one algorithm on one block.
   *
   * @param score debiased linear CKA with the output of the full-precision block, or another
   *     metric; NaN if the algorithm failed, or was not scored because it is the only one
   * @param biasedScore the biased estimate
   * @param relativeMse squared error over the squared norm of the reference, on the same rows
   * @param normalizedMse the same with each row divided by its root mean square
   * @param seconds time to quantize and score
   * @param failure the reason for a missing score; empty if there is a score
   * @param detail findings of the algorithm, e.g. the chosen exponents, for display
   */
  public record Candidate(
      double score,
      double biasedScore,
      double relativeMse,
      double normalizedMse,
      double seconds,
      Optional<String> failure,
      Map<String, String> detail) {}

  /**
   * The comparison of the mix with the best uniform plans: mean KL divergence per token from the
   * full-precision logits, in nats, on held-out sequences.
   *
   * @param uniform the algorithm of the best uniform plan that the mix was compared with
   * @param pairedStandardError standard error of the difference between the mix and that plan
   * @param uniforms every uniform plan that was made, the best one included
   */
  public record GuardResult(
      String uniform,
      double mixKl,
      double uniformKl,
      double pairedStandardError,
      boolean mixServed,
      List<UniformResult> uniforms) {
    public GuardResult {
      uniforms = List.copyOf(uniforms);
    }
  }

  /**
   * A uniform plan that the guard made.
   *
   * @param algorithm its only algorithm
   * @param blockErrors the sum of its blocks' errors that it was chosen by ({@link
   *     Candidate#normalizedMse})
   * @param kl mean KL divergence per token, in nats
   * @param pairedStandardError standard error of the difference between the mix and this plan
   */
  public record UniformResult(
      String algorithm, double blockErrors, double kl, double pairedStandardError) {}

  /**
   * The choice of the lm_head's format.
   *
   * @param format the number format
   * @param reason the reason, in one sentence
   * @param trial the measurement; empty if the format was given
   */
  public record Head(TableFormat format, String reason, Optional<HeadTrialResult> trial) {
    /** Returns a format that was chosen without a measurement. */
    public static Head given(TableFormat format, String reason) {
      return new Head(format, reason, Optional.empty());
    }
  }

  /**
   * The comparison of both lm_heads after the served blocks: mean KL divergence per token from the
   * full-precision logits, in nats, on the sequences of the guard.
   *
   * @param pairedStandardError standard error of the difference, paired by sequence
   * @param bound maximum divergence that int4 may add to that of int8
   */
  public record HeadTrialResult(
      double int8Kl, double int4Kl, double pairedStandardError, double bound) {}

  /**
   * The program and the machine that made a plan. Its blocks do not depend on them, but its times
   * do.
   *
   * @param build version of CALM
   * @param machine with the kernel variant of its decoder
   */
  public record MadeBy(BuildInfo build, MachineInfo machine) {}

  /**
   * The origin of the calibration tokens.
   *
   * @param source {@code self} for the model's own samples, else the name of the file
   * @param fit number of sequences that quantizers were fitted on
   * @param score number of sequences that candidates were scored on
   * @param guard number of sequences that the guard and the lm_head were judged on
   * @param length tokens per sequence
   * @param sequences the token ids if the source is {@code self}; otherwise empty
   */
  public record Calibration(
      String source,
      int fit,
      int score,
      int guard,
      int length,
      long seed,
      List<List<Integer>> sequences) {}
}
