package io.calm.search;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.Stage;
import io.calm.quant.StageWalk;
import io.calm.replay.BlockPass;
import io.calm.replay.ColumnStatistics;
import io.calm.replay.HiddenStates;
import io.calm.replay.StageInputs;
import io.calm.replay.TorchRuntime;
import io.calm.tensor.LinearAlgebra;
import io.calm.tensor.Matrix;
import io.calm.tensor.Owned;
import io.calm.tensor.QuantizedMatrix;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;

/** A block with its weights and its replay on the hidden states of the fit part. */
final class ReplayedBlock extends SampledBlock {
  /** Number of rows on which scales are compared. */
  static final int SAMPLE_ROWS = 512;

  private final int layer;
  private final HiddenStates states;
  private final Optional<StageInputs> full;
  private final TorchRuntime torch;
  private int partialForwards;

  ReplayedBlock(
      SearchInputs inputs,
      int layer,
      BlockParameters<Matrix> block,
      HiddenStates states,
      Optional<StageInputs> full) {
    super(
        inputs.weights().spec(),
        block,
        inputs.sourceCodes().apply(layer),
        inputs.settings(),
        inputs.compute());
    this.layer = layer;
    this.states = states;
    this.full = full;
    this.torch = inputs.torch();
  }

  /** Returns the number of partial block forwards that walks have made so far. */
  int partialForwards() {
    return partialForwards;
  }

  @Override
  public StageWalk walk() {
    return new Walk();
  }

  @Override
  public LinearAlgebra algebra() {
    return torch;
  }

  private final class Walk extends MeasuredWalk {
    private final BlockPass pass =
        new BlockPass(
            states,
            spec(),
            layer,
            block(),
            Optional.of(settings().rounding()),
            settings().sinkThreshold());
    private Optional<ColumnStatistics> statistics = Optional.empty();
    private Optional<float[]> divisors = Optional.empty();
    private OptionalDouble correlations = OptionalDouble.empty();

    @Override
    public Stage stage() {
      return pass.stage().orElseThrow();
    }

    @Override
    ColumnStatistics statistics() {
      if (statistics.isEmpty()) {
        statistics = Optional.of(pass.sums().statistics());
      }
      return statistics.get();
    }

    @Override
    public Matrix sample() {
      return pass.sums().sample(SAMPLE_ROWS, false);
    }

    @Override
    public Matrix heldOutSample() {
      return pass.sums().sample(SAMPLE_ROWS, true);
    }

    @Override
    public Matrix gram() {
      return pass.sums().gram();
    }

    @Override
    public int sequences() {
      return pass.sequences();
    }

    @Override
    public double squaredCorrelations(Matrix gram) {
      if (correlations.isEmpty()) {
        correlations = OptionalDouble.of(pass.sums().squaredCorrelations(gram));
      }
      return correlations.getAsDouble();
    }

    @Override
    public int rows() {
      return pass.rows();
    }

    @Override
    public Optional<Matrix> deviation(Matrix weight) {
      return full.map(stages -> deviation(stages, weight));
    }

    private Matrix deviation(StageInputs stages, Matrix weight) {
      float[] scales = divisors.orElseGet(() -> ones(spec().inputs(stage())));
      try (Owned opening = new Owned()) {
        Matrix deviation = deviation(pass, stages, scales, weight);
        opening.add(deviation, deviation::close);
        if (stage() == Stage.MLP_OUT) {
          stages.finish();
        }
        opening.handOver();
        return deviation;
      }
    }

    private static float[] ones(int count) {
      float[] ones = new float[count];
      Arrays.fill(ones, 1);
      return ones;
    }

    @Override
    public void divide(float[] scales) {
      pass.divide(scales);
      divisors = Optional.of(scales.clone());
      correlations = OptionalDouble.empty();
      statistics = Optional.empty();
    }

    @Override
    public void advance(Map<LinearRole, QuantizedMatrix> linears, Map<LinearRole, float[]> biases) {
      statistics = Optional.empty();
      divisors = Optional.empty();
      correlations = OptionalDouble.empty();
      if (stage() == Stage.MLP_OUT) {
        return; // the output of the last linear is not used
      }
      try (ScratchModules modules = new ScratchModules(linears, compute().parallel())) {
        pass.advanceModules(modules.modules(), biases);
      }
      partialForwards++;
    }

    @Override
    public void close() {
      pass.close();
    }
  }
}
