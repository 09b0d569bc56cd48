package io.calm.search;

import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.WeightSource;
import io.calm.quant.BlockSample;
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
 * A uniform plan of an algorithm that uses weights alone ({@link Quantizer#needsCalibration}): no
 * tokens, no forward, no engine.
 */
public final class WeightsOnlyPlan {
  private final WeightSource weights;
  private final IntFunction<Map<LinearRole, QuantizedMatrix>> sourceCodes;
  private final SearchSettings settings;
  private final Compute compute;
  private final ProgressMeter progress;

  /**
   * Prepares a plan of the pool's one algorithm.
   *
   * @param sourceCodes a block's linears that the checkpoint stores as W4A8 codes; may be empty
   * @param listener told of every block, on the calling thread
   */
  public WeightsOnlyPlan(
      WeightSource weights,
      IntFunction<Map<LinearRole, QuantizedMatrix>> sourceCodes,
      SearchSettings settings,
      Compute compute,
      Consumer<SearchProgress> listener) {
    this.weights = weights;
    this.sourceCodes = sourceCodes;
    this.settings = settings;
    this.compute = compute;
    this.progress =
        new ProgressMeter(listener, System::nanoTime, weights.spec().layers(), 1, false);
  }

  /**
   * Quantizes every block.
   *
   * @param reason why the plan is this one, in a sentence
   * @throws SearchException if the algorithm fails on a block
   */
  public QuantPlan make(BlockSink sink, String reason) {
    Quantizer quantizer = settings.pool().get(0);
    String name = quantizer.name();
    List<QuantPlan.BlockChoice> choices = new ArrayList<>();
    for (int layer = 0; layer < weights.spec().layers(); layer++) {
      progress.pass("quantizing", layer, name);
      BlockParameters<Matrix> block = weights.block(layer);
      try {
        Quantizer.Result result = quantizer.quantize(new Weights(block, sourceCodes.apply(layer)));
        sink.block(QuantPlan.uniform(name), layer, result.block());
      } catch (QuantizationException e) {
        throw new SearchException(
            "%s cannot quantize block %d: %s".formatted(name, layer, e.getMessage()));
      } finally {
        Modules.close(block);
      }
      choices.add(new QuantPlan.BlockChoice(layer, name, reason, Map.of()));
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
        progress.seconds());
  }

  /** A block of which nothing but its weights is known. */
  private final class Weights implements BlockSample {
    private final BlockParameters<Matrix> block;
    private final Map<LinearRole, QuantizedMatrix> codes;

    Weights(BlockParameters<Matrix> block, Map<LinearRole, QuantizedMatrix> codes) {
      this.block = block;
      this.codes = codes;
    }

    @Override
    public ModelSpec spec() {
      return weights.spec();
    }

    @Override
    public BlockParameters<Matrix> block() {
      return block;
    }

    @Override
    public int groupLimit() {
      return settings.groupLimit();
    }

    @Override
    public ActivationMode activation() {
      return settings.activation();
    }

    @Override
    public Optional<QuantizedMatrix> source(LinearRole role) {
      return Optional.ofNullable(codes.get(role));
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
          "%s: needsCalibration() is false, so there are no inputs to look at; let it return true"
              .formatted(settings.pool().get(0).name()));
    }

    @Override
    public Compute compute() {
      return compute;
    }
  }
}
