package io.calm.search;

import io.calm.cka.Metric;
import io.calm.model.ModelSpec;
import io.calm.model.Stage;
import io.calm.quant.Granularity;
import java.util.Arrays;

/**
 * The memory outside the Java heap that a search by parts holds in addition to a search of whole
 * blocks, from the sizes of the model.
 *
 * <p>While an algorithm quantizes a part, there are the pass over the fit part that all algorithms
 * share, a fork of it for the later stages of the part, and a copy that the algorithm's fold
 * divides; likewise the full-precision pass and its fork, if an algorithm compares the two. The
 * pass over the score part and the outputs that candidates are compared with stay throughout. While
 * a candidate is scored, the forks give way to one of the pass over the score part. The matrices
 * that algorithms share stay as long as the stage.
 *
 * @param passes bytes of activations and outputs, in arrays of a few MiB
 * @param matrices bytes of the matrices that the algorithms of a stage share
 */
public record PartMemory(long passes, long matrices) {
  /** The memory of a search of whole blocks. */
  public static final PartMemory NONE = new PartMemory(0, 0);

  private static final long FLOAT = Float.BYTES;

  /** The output as hidden states, and as matrices after attention and after the block. */
  private static final long TARGETS = 3;

  /** Copies of the input of attention, of the feed-forward part, and of the block. */
  private static final long TARGET_INPUTS = 3;

  /** The residual stream of a candidate, as hidden states and as a matrix. */
  private static final long SCORED_OUTPUTS = 2;

  /**
   * The calibration tokens of a search.
   *
   * @param fit number of tokens that algorithms are fitted on
   * @param score number of tokens that candidates are compared on
   */
  public record Tokens(long fit, long score) {}

  /**
   * Returns the memory of a search.
   *
   * @param compares whether an algorithm compares with the full-precision stream
   */
  public static PartMemory of(
      ModelSpec spec, Granularity granularity, Metric metric, boolean compares, Tokens tokens) {
    if (granularity == Granularity.BLOCK) {
      return NONE;
    }
    long hidden = spec.hidden();
    long widest = Arrays.stream(Stage.values()).mapToLong(spec::inputs).max().orElse(0);
    long fitPass = tokens.fit() * (hidden + widest);
    long scorePass = tokens.score() * (hidden + widest);
    boolean forks = granularity.parts().stream().anyMatch(part -> part.stages().size() > 1);
    long folded = fitPass;
    long quantizing = folded + (forks ? fitPass : 0) + (forks && compares ? fitPass : 0);
    long scoring = scorePass + SCORED_OUTPUTS * tokens.score() * hidden;
    long targets = TARGETS + (metric.readsInput() ? TARGET_INPUTS : 0);
    long passes = scorePass + targets * tokens.score() * hidden + Math.max(quantizing, scoring);
    long matrices =
        Arrays.stream(Stage.values())
            .mapToLong(stage -> SharedStages.keptElements(spec, stage, compares))
            .max()
            .orElse(0);
    return new PartMemory(FLOAT * passes, FLOAT * matrices);
  }
}
