package io.calm.search;

import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.Stage;
import io.calm.quant.StageWalk;
import io.calm.replay.BlockPass;
import io.calm.replay.HiddenStates;
import io.calm.replay.StageInputs;
import io.calm.replay.TorchRuntime;
import io.calm.tensor.LinearAlgebra;
import io.calm.tensor.Matrix;
import io.calm.tensor.Owned;
import io.calm.tensor.QuantizedMatrix;
import java.util.Map;
import java.util.Optional;

/** A block with its weights and its replay on the hidden states of the fit part. */
final class ReplayedBlock extends SampledBlock {
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

    @Override
    BlockPass pass() {
      return pass;
    }

    @Override
    public Optional<Matrix> deviation(Matrix weight) {
      return full.map(stages -> deviation(stages, weight));
    }

    private Matrix deviation(StageInputs stages, Matrix weight) {
      try (Owned opening = new Owned()) {
        Matrix deviation = pass.sums().deviation(stages, weight);
        opening.add(deviation, deviation::close);
        if (stage() == Stage.MLP_OUT) {
          stages.finish();
        }
        opening.handOver();
        return deviation;
      }
    }

    @Override
    public void divide(float[] scales) {
      if (!areOnes(scales)) {
        pass.divide(scales);
      }
    }

    @Override
    public void advance(Map<LinearRole, QuantizedMatrix> linears, Map<LinearRole, float[]> biases) {
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
