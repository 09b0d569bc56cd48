package io.calm.search;

import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.Stage;
import io.calm.quant.BlockSample;
import io.calm.quant.Compute;
import io.calm.quant.StageWalk;
import io.calm.replay.BlockPass;
import io.calm.replay.ColumnStatistics;
import io.calm.replay.HiddenStates;
import io.calm.replay.TorchRuntime;
import io.calm.tensor.LinearAlgebra;
import io.calm.tensor.Matrix;
import io.calm.tensor.Packing;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.QuantizedMatrix;
import java.util.EnumMap;
import java.util.Map;
import java.util.Optional;

/** What quantizers see of a block: its weights, and its replay on the hidden states to fit on. */
final class ReplayedBlock implements BlockSample {
  /** Rows that scales are compared on. */
  private static final int SAMPLE_ROWS = 512;

  private final ModelSpec spec;
  private final int layer;
  private final BlockParameters<Matrix> block;
  private final Map<LinearRole, QuantizedMatrix> source;
  private final HiddenStates states;
  private final SearchSettings settings;
  private final TorchRuntime torch;
  private final Compute compute;
  private int partialForwards;

  ReplayedBlock(
      ModelSpec spec,
      int layer,
      BlockParameters<Matrix> block,
      Map<LinearRole, QuantizedMatrix> source,
      HiddenStates states,
      SearchSettings settings,
      TorchRuntime torch,
      Compute compute) {
    this.spec = spec;
    this.layer = layer;
    this.block = block;
    this.source = source;
    this.states = states;
    this.settings = settings;
    this.torch = torch;
    this.compute = compute;
  }

  /** Returns the partial block forwards that walks have cost so far. */
  int partialForwards() {
    return partialForwards;
  }

  @Override
  public ModelSpec spec() {
    return spec;
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
    return Optional.ofNullable(source.get(role));
  }

  @Override
  public StageWalk walk() {
    return new Walk();
  }

  @Override
  public LinearAlgebra algebra() {
    return torch;
  }

  @Override
  public Compute compute() {
    return compute;
  }

  private final class Walk implements StageWalk {
    private final BlockPass pass =
        new BlockPass(states, spec, layer, block, Optional.of(settings.rounding()));
    private Optional<ColumnStatistics> statistics = Optional.empty();

    @Override
    public Stage stage() {
      return pass.stage().orElseThrow();
    }

    private ColumnStatistics statistics() {
      if (statistics.isEmpty()) {
        statistics = Optional.of(pass.statistics());
      }
      return statistics.get();
    }

    @Override
    public float[] meanAbsolute() {
      return statistics().meanAbsolute();
    }

    @Override
    public float[] maxAbsolute() {
      return statistics().maxAbsolute();
    }

    @Override
    public float[] meanSquare() {
      return statistics().meanSquare();
    }

    @Override
    public Matrix sample() {
      return pass.sample(SAMPLE_ROWS);
    }

    @Override
    public Matrix gram() {
      return pass.gram();
    }

    @Override
    public void divide(float[] scales) {
      pass.divide(scales);
      statistics = Optional.empty();
    }

    @Override
    public void advance(Map<LinearRole, QuantizedMatrix> linears, Map<LinearRole, float[]> biases) {
      statistics = Optional.empty();
      if (stage() == Stage.MLP_OUT) {
        return; // nobody looks at the output of the last linear here
      }
      Map<LinearRole, QuantizedLinear> modules = new EnumMap<>(LinearRole.class);
      linears.forEach(
          (role, linear) -> modules.put(role, Packing.pack(linear, compute.parallel())));
      pass.advanceModules(modules, biases);
      partialForwards++;
    }

    @Override
    public void close() {
      pass.close();
    }
  }
}
