package io.calm.search;

import io.calm.model.BlockParameters;
import io.calm.model.FoldSite;
import io.calm.model.Stage;
import io.calm.quant.PartialBlock;
import io.calm.quant.Quantizer;
import io.calm.quant.StageResult;
import io.calm.quant.StageWalk;
import io.calm.replay.BlockPass;
import io.calm.replay.HiddenStates;
import io.calm.replay.StageInputs;
import io.calm.tensor.Matrix;
import java.util.List;
import java.util.Optional;

/** Candidates of stages, each made and run from the start of the block, nothing shared. */
final class BruteForceStages {
  private static final List<Stage> STAGES = List.of(Stage.values());

  private BruteForceStages() {}

  /** Quantizes the stage behind the chosen ones on a walk of its own. */
  static StageResult alone(
      SearchContext context,
      BlockParameters<Matrix> block,
      HiddenStates fit,
      List<StageResult> chosen,
      Quantizer quantizer) {
    try (StageInputs full = context.stageInputs(0, block, fit)) {
      ReplayedBlock sample = new ReplayedBlock(context.inputs(), 0, block, fit, Optional.of(full));
      PartialBlock partial = new PartialBlock(block);
      try (StageWalk walk = sample.walk()) {
        for (StageResult result : chosen) {
          Stage stage = walk.stage();
          partial = partial.with(stage, result);
          result
              .scales()
              .ifPresent(scales -> walk.divide(new FoldSite(context.spec(), stage).spread(scales)));
          walk.advance(result.linears(), partial.biases());
        }
        return quantizer.stages().orElseThrow().quantizeStage(sample, walk);
      }
    }
  }

  /** Returns the relative squared error of normalized rows behind the half of the last stage. */
  static double error(
      SearchContext context,
      BlockParameters<Matrix> block,
      HiddenStates score,
      List<StageResult> stages) {
    boolean attention = stages.size() <= 2;
    PartialBlock partial = new PartialBlock(block);
    try (BlockPass expected = new BlockPass(score, context.spec(), 0, block, Optional.empty());
        BlockPass got =
            new BlockPass(
                score, context.spec(), 0, block, Optional.of(context.settings().rounding()))) {
      for (int i = 0; i < (attention ? 2 : 4); i++) {
        expected.advance(block.linears(), block.biases());
        if (i >= stages.size()) {
          got.advanceUnrounded(block.linears(), block.biases());
          continue;
        }
        StageResult result = stages.get(i);
        partial = partial.with(STAGES.get(i), result);
        FoldSite site = new FoldSite(context.spec(), STAGES.get(i));
        result.scales().ifPresent(scales -> got.divide(site.spread(scales)));
        try (ScratchModules modules =
            new ScratchModules(result.linears(), context.compute().parallel())) {
          got.advanceModules(modules.modules(), partial.biases());
        }
      }
      try (HiddenStates x = expected.residualStream();
          HiddenStates y = got.residualStream()) {
        return normalizedError(x.toMatrix(), y.toMatrix());
      }
    }
  }

  private static double normalizedError(Matrix x, Matrix y) {
    double sum = 0;
    for (int r = 0; r < x.rows(); r++) {
      double xx = 0;
      double yy = 0;
      for (int c = 0; c < x.columns(); c++) {
        xx += (double) x.get(r, c) * x.get(r, c);
        yy += (double) y.get(r, c) * y.get(r, c);
      }
      for (int c = 0; c < x.columns(); c++) {
        double d = y.get(r, c) / Math.sqrt(yy) - x.get(r, c) / Math.sqrt(xx);
        sum += d * d;
      }
    }
    return sum / x.rows();
  }
}
