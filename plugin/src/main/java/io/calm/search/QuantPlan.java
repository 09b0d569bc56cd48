package io.calm.search;

import io.calm.cka.Metric;
import io.calm.tensor.TableFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the search decided, and everything it saw: stored as JSON beside the blocks.
 *
 * @param blocks one for each layer, in order
 * @param pool names of the algorithms that were tried
 * @param served {@code calm} for the mix, {@code uniform-NAME} for a uniform plan
 * @param reason why that is served, in a sentence
 * @param group the largest group of a scale ({@code calm.group} after {@code auto})
 * @param metric the measure that scored candidates
 * @param evaluations candidate block forwards that were scored: layers x pool, no more
 * @param collectionForwards partial block forwards that collected quantizers' inputs
 * @param guardForwards block forwards over the guard's part of the calibration, which the lm_head
 *     is judged on too, and over the fit part for the uniform plan that the guard made
 * @param excludedRows rows left out of the score as sinks, summed over the blocks
 * @param scoredRows rows that were up for scoring, sinks included, summed over the blocks; the
 *     candidates of a block are scored on the same rows, which count once
 * @param guard the comparison with the best uniform plan; empty where there was none to make
 * @param head the format of the lm_head, and why
 * @param calibration where the tokens came from
 * @param seconds the whole search
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
    int excludedRows,
    int scoredRows,
    Optional<Guard> guard,
    Head head,
    Calibration calibration,
    double seconds) {

  public QuantPlan {
    blocks = List.copyOf(blocks);
    pool = List.copyOf(pool);
  }

  /** Returns the variant's name of a plan with one algorithm, e.g. {@code uniform-gptq}. */
  public static String uniform(String algorithm) {
    return "uniform-" + algorithm;
  }

  /**
   * The choice for one block.
   *
   * @param algorithm the chosen member of the pool
   * @param reason why, e.g. {@code highest score} or {@code tie within 1e-6, lower relative MSE}
   * @param candidates what every member scored, by name
   */
  public record BlockChoice(
      int block, String algorithm, String reason, Map<String, Candidate> candidates) {}

  /**
   * One algorithm on one block.
   *
   * @param score debiased linear CKA with the full-precision block's output; NaN where it failed
   * @param biasedScore the biased estimate
   * @param relativeMse squared error over the reference's squared norm, same rows
   * @param seconds to quantize and score
   * @param failure why it has no score; empty where it has
   * @param detail what the algorithm found, e.g. the chosen alphas; for people
   */
  public record Candidate(
      double score,
      double biasedScore,
      double relativeMse,
      double seconds,
      Optional<String> failure,
      Map<String, String> detail) {}

  /**
   * The mix against the best uniform plan on held-out windows: mean KL divergence a token to the
   * full-precision logits, in nats.
   */
  public record Guard(
      String uniform,
      double mixKl,
      double uniformKl,
      double pairedStandardError,
      boolean mixServed) {}

  /**
   * The lm_head.
   *
   * @param format the number format
   * @param reason why, in a sentence
   * @param trial what was measured; empty where the format was given
   */
  public record Head(TableFormat format, String reason, Optional<HeadTrial> trial) {
    /** Returns a format that nothing was measured for. */
    public static Head given(TableFormat format, String reason) {
      return new Head(format, reason, Optional.empty());
    }
  }

  /**
   * The served blocks with either head: mean KL divergence a token to the full-precision logits on
   * the guard's sequences, in nats.
   *
   * @param pairedStandardError of the difference, sequence by sequence
   * @param bound what int4 may have above int8
   */
  public record HeadTrial(double int8Kl, double int4Kl, double pairedStandardError, double bound) {}

  /**
   * The calibration tokens.
   *
   * @param source {@code self} for the model's own samples, else the file's name
   * @param fit sequences that quantizers were fitted on
   * @param score sequences that candidates were scored on
   * @param guard sequences that the guard, and the formats of the lm_head, were judged on
   * @param length tokens a sequence
   * @param sequences the token ids, where the source is {@code self}; otherwise empty
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
