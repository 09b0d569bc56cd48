package io.calm.search;

import io.calm.model.FoldSite;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.model.Stage;
import io.calm.quant.StageResult;
import io.calm.quant.StageWalk;
import io.calm.replay.BlockPass;
import io.calm.replay.StageInputs;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedMatrix;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * A walk through the stages of a block that several algorithms share: each reads the inputs of the
 * current stage through a {@link #view}, and the walk advances through the linears of the one that
 * was chosen. Statistics of the inputs are computed once per stage. Not thread safe.
 */
final class SharedStages implements AutoCloseable {
  /** Maximum width of a stage whose factors are kept: 64 MiB each. */
  private static final int MAX_KEPT_INPUTS = 4096;

  /** Factors that algorithms keep: that of GPTQ. */
  private static final int FACTORS = 1;

  private final ModelSpec spec;
  private final Parallel parallel;
  private final BlockPass pass;
  private final Optional<StageInputs> full;
  private final boolean keeps;
  private Optional<Matrix> gram = Optional.empty();
  private Optional<Matrix> deviation = Optional.empty();
  private final Map<String, Matrix> derived = new HashMap<>();
  private int partialForwards;

  /**
   * Starts at the pass's stage.
   *
   * @param pass closed with this walk
   * @param full the block in full precision on the same tokens, for algorithms that compare
   *     streams; not closed
   */
  SharedStages(ModelSpec spec, Parallel parallel, BlockPass pass, Optional<StageInputs> full) {
    this(spec, parallel, pass, full, true);
  }

  private SharedStages(
      ModelSpec spec,
      Parallel parallel,
      BlockPass pass,
      Optional<StageInputs> full,
      boolean keeps) {
    this.spec = spec;
    this.parallel = parallel;
    this.pass = pass;
    this.full = full;
    this.keeps = keeps;
  }

  /**
   * Returns a copy at the same stage for one algorithm. It must be closed before this walk.
   *
   * @param ownFull the block in full precision at the same stage, for this copy alone; not closed
   */
  SharedStages fork(Optional<StageInputs> ownFull) {
    return new SharedStages(spec, parallel, pass.fork(), ownFull, false);
  }

  /** Returns the number of partial block forwards so far. */
  int partialForwards() {
    return partialForwards;
  }

  Stage stage() {
    return pass.stage().orElseThrow();
  }

  /** Returns the walk at the current stage as one algorithm sees it. */
  StageWalk view() {
    return new View();
  }

  /**
   * Advances through the linears of the current stage. The inputs of the last stage are kept: no
   * stage reads its output.
   *
   * @param biases of the block, folds of this stage included
   */
  void take(StageResult result, Map<LinearRole, float[]> biases) {
    if (stage() == Stage.MLP_OUT) {
      return;
    }
    forget();
    advance(spec, pass, result, biases, parallel);
    partialForwards++;
  }

  /** Advances a pass through a stage, on inputs that are divided by the fold's scales. */
  static void advance(
      ModelSpec spec,
      BlockPass pass,
      StageResult result,
      Map<LinearRole, float[]> biases,
      Parallel parallel) {
    FoldSite site = new FoldSite(spec, pass.stage().orElseThrow());
    result.scales().map(site::spread).ifPresent(pass::divide);
    try (ScratchModules modules = new ScratchModules(result.linears(), parallel)) {
      pass.advanceModules(modules.modules(), biases);
    }
  }

  /**
   * Returns the maximum number of elements of the matrices that a stage keeps, and of the copies
   * that an algorithm gets of those that it changes: X'X with its factors, and the deviation from
   * full precision.
   */
  static long keptElements(ModelSpec spec, Stage stage, boolean compares) {
    long inputs = spec.inputs(stage);
    long factors = inputs > MAX_KEPT_INPUTS ? 0 : FACTORS;
    long deviation = compares ? 2 * inputs * outputs(spec, stage) : 0;
    return (1 + factors) * inputs * inputs + deviation;
  }

  /** Returns the number of outputs of all linears of a stage. */
  private static long outputs(ModelSpec spec, Stage stage) {
    return stage.linears().stream().mapToLong(spec::outputs).sum();
  }

  private void forget() {
    gram.ifPresent(Matrix::close);
    gram = Optional.empty();
    deviation.ifPresent(Matrix::close);
    deviation = Optional.empty();
    derived.values().forEach(Matrix::close);
    derived.clear();
  }

  /** Returns X'X for the caller to change and close. */
  private Matrix gram() {
    if (!keeps) {
      return pass.sums().gram();
    }
    if (gram.isEmpty()) {
      gram = Optional.of(pass.sums().gram());
    }
    return gram.get().copy();
  }

  /** Returns the matrix of a name; kept for others up to a size. */
  private Matrix derived(String name, Supplier<Matrix> matrix) {
    if (!keeps || spec.inputs(stage()) > MAX_KEPT_INPUTS) {
      return matrix.get();
    }
    Matrix kept = derived.get(name);
    if (kept == null) {
      kept = matrix.get();
      derived.put(name, kept);
    }
    return Matrix.wrap(kept.bytes(), kept.rows(), kept.columns(), () -> {});
  }

  /** Returns the deviation for the caller to change and close; that of all linears is kept. */
  private Optional<Matrix> deviation(Matrix weight) {
    if (full.isEmpty() || !keeps || weight.rows() < outputs(spec, stage())) {
      return full.map(stages -> pass.sums().deviation(stages, weight));
    }
    if (deviation.isEmpty()) {
      deviation = Optional.of(pass.sums().deviation(full.get(), weight));
    }
    return deviation.map(Matrix::copy);
  }

  @Override
  public void close() {
    forget();
    pass.close();
  }

  /** The current stage for one algorithm, whose fold divides a copy of the inputs. */
  private final class View extends MeasuredWalk {
    private Optional<BlockPass> own = Optional.empty();

    @Override
    BlockPass pass() {
      return own.orElse(pass);
    }

    @Override
    public Matrix gram() {
      return own.isEmpty() ? SharedStages.this.gram() : super.gram();
    }

    @Override
    public Matrix derived(String name, Supplier<Matrix> matrix) {
      return own.isEmpty() ? SharedStages.this.derived(name, matrix) : matrix.get();
    }

    @Override
    public Optional<Matrix> deviation(Matrix weight) {
      return own.isEmpty()
          ? SharedStages.this.deviation(weight)
          : full.map(stages -> pass().sums().deviation(stages, weight));
    }

    @Override
    public void divide(float[] scales) {
      if (areOnes(scales)) {
        return; // the shared statistics hold
      }
      if (own.isEmpty()) {
        own = Optional.of(pass.fork());
      }
      own.get().divide(scales);
    }

    @Override
    public void advance(Map<LinearRole, QuantizedMatrix> linears, Map<LinearRole, float[]> biases) {
      throw new IllegalStateException("an algorithm quantizes one stage here and does not advance");
    }

    @Override
    public void close() {
      own.ifPresent(BlockPass::close);
    }
  }
}
