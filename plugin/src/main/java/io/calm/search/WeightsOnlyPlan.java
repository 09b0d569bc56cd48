package io.calm.search;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.WeightSource;
import io.calm.quant.Compute;
import io.calm.quant.QuantizationException;
import io.calm.quant.Quantizer;
import io.calm.quant.StageWalk;
import io.calm.tensor.LinearAlgebra;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedMatrix;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.IntFunction;

/**
 * Makes a uniform plan with an algorithm that uses only weights ({@link
 * Quantizer#needsCalibration}): no tokens, no forwards, no engine.
 */
public final class WeightsOnlyPlan {
  private final WeightSource weights;
  private final IntFunction<Map<LinearRole, QuantizedMatrix>> sourceCodes;
  private final SearchSettings settings;
  private final Compute compute;
  private final ProgressMeter progress;

  /**
   * Creates a plan with the only algorithm of the pool.
   *
   * @param sourceCodes the linears of a block that the checkpoint stores as W4A8 codes; may be
   *     empty
   * @param listener receives every block, on the calling thread
   */
  public WeightsOnlyPlan(
      WeightSource weights,
      IntFunction<Map<LinearRole, QuantizedMatrix>> sourceCodes,
      SearchSettings settings,
      Compute compute,
      Consumer<Progress> listener) {
    this.weights = weights;
    this.sourceCodes = sourceCodes;
    this.settings = settings;
    this.compute = compute;
    this.progress =
        new ProgressMeter(listener, System::nanoTime, weights.spec().layers(), 1, 1, false);
  }

  /**
   * Quantizes every block.
   *
   * @param reason the reason for the plan, in one sentence
   * @throws SearchException if the algorithm fails on a block
   */
  public QuantPlan make(BlockSink sink, String reason) {
    Quantizer quantizer = settings.pool().get(0);
    String name = quantizer.name();
    List<QuantPlan.BlockChoice> choices = new ArrayList<>();
    for (int layer = 0; layer < weights.spec().layers(); layer++) {
      progress.quantizing(layer, name);
      BlockParameters<Matrix> block = weights.block(layer, compute.parallel());
      double start = progress.seconds();
      try {
        Quantizer.Result result = quantizer.quantize(new Weights(block, sourceCodes.apply(layer)));
        sink.block(QuantPlan.uniform(name), layer, result.block());
        choices.add(choice(layer, name, reason, result, progress.seconds() - start));
      } catch (QuantizationException e) {
        throw new SearchException(
            "%s cannot quantize block %d: %s".formatted(name, layer, e.getMessage()));
      } finally {
        BlockParameters.close(block);
      }
    }
    return new QuantPlan(
        choices,
        List.of(name),
        QuantPlan.uniform(name),
        reason,
        settings.groupLimit(),
        settings.metric(),
        0,
        0,
        0,
        0,
        0,
        Optional.empty(),
        settings.head().withoutSequences(),
        new QuantPlan.Calibration("none", 0, 0, 0, 0, 0, List.of()),
        progress.seconds(),
        Optional.empty());
  }

  /** Returns the choice of a block, with what the algorithm found, if anything. */
  private static QuantPlan.BlockChoice choice(
      int layer, String name, String reason, Quantizer.Result result, double seconds) {
    if (result.detail().isEmpty()) {
      return new QuantPlan.BlockChoice(layer, name, reason, Map.of());
    }
    QuantPlan.Candidate candidate =
        new QuantPlan.Candidate(
            Double.NaN,
            Double.NaN,
            Double.NaN,
            Double.NaN,
            seconds,
            Optional.empty(),
            result.detail());
    String weights = result.detail().getOrDefault("weights", reason);
    return new QuantPlan.BlockChoice(layer, name, weights, Map.of(name, candidate));
  }

  /** A block without inputs. */
  private final class Weights extends SampledBlock {
    Weights(BlockParameters<Matrix> block, Map<LinearRole, QuantizedMatrix> codes) {
      super(weights.spec(), block, codes, settings, compute);
    }

    @Override
    public StageWalk walk() {
      throw notCalibrated();
    }

    @Override
    public LinearAlgebra algebra() {
      throw notCalibrated();
    }

    private IllegalStateException notCalibrated() {
      return new IllegalStateException(
          "%s: needsCalibration() returns false, so the block has no inputs; return true to get them"
              .formatted(settings.pool().get(0).name()));
    }
  }
}
