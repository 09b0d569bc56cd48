package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.cka.Metric;
import io.calm.kernels.KernelVariants;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.FoldSite;
import io.calm.model.Stage;
import io.calm.quant.Compute;
import io.calm.quant.Fold;
import io.calm.quant.Granularity;
import io.calm.quant.NearestRounding;
import io.calm.quant.Quantizer;
import io.calm.quant.StagewiseQuantizer;
import io.calm.replay.HiddenStates;
import io.calm.replay.ReferenceModel;
import io.calm.replay.TorchRuntime;
import io.calm.tensor.Matrix;
import io.calm.tensor.Parallel;
import io.calm.tensor.TableFormat;
import io.calm.testing.DequantizedBlock;
import io.calm.testing.Seeds;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/**
 * Folds are exact: with weights that 4 bits hold without error, and scales that are powers of two
 * and equal within a group, the folded block does what the full-precision block does.
 */
class FoldExactnessTest {
  private static final int GROUP = 32;

  /** Random powers of two, one a group of 32 channels. */
  private static Fold fold(long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    return (stage, rounding) -> {
      float[] scales = new float[stage.site().channels()];
      for (int c = 0; c < scales.length; c++) {
        scales[c] = c % GROUP == 0 ? (float) Math.pow(2, random.nextInt(-3, 4)) : scales[c - 1];
      }
      return new Fold.Choice(scales, "random");
    };
  }

  @Test
  void foldedBlockEqualsTheFullPrecisionBlock() {
    long seed = Seeds.of(20260101);
    SyntheticModel weights = new SyntheticModel(1, seed);
    SearchSettings settings =
        new SearchSettings(
            List.of(new StagewiseQuantizer("folded", Optional.empty(), new NearestRounding(false))),
            GROUP,
            ActivationMode.PER_GROUP,
            Metric.CKA,
            Granularity.BLOCK,
            false,
            0,
            false,
            new HeadRule.Given(TableFormat.INT8));
    Quantizer quantizer =
        new StagewiseQuantizer("folded", Optional.of(fold(seed)), new NearestRounding(false));
    try (TorchRuntime torch = TorchRuntime.open(2, KernelVariants.ofThisMachine().searchKernels());
        Parallel parallel = new Parallel(2)) {
      SearchContext context =
          new SearchContext(
              new SearchInputs(
                  torch,
                  weights,
                  layer -> Map.of(),
                  settings,
                  new Compute(parallel, KernelVariants.ofThisMachine().searchKernels())));
      ReferenceModel model = context.model();
      BlockParameters<Matrix> block = weights.block(0);
      try (HiddenStates states = model.embed(weights.windows(4, 16, seed))) {
        Quantizer.Result result = context.quantize(quantizer, 0, block, states, Optional.empty());
        BlockParameters<Matrix> folded = DequantizedBlock.of(result.block());
        try (HiddenStates expected = model.block(0, states, block);
            HiddenStates got = model.block(0, states, folded)) {
          requireEqual(expected.toMatrix(), got.toMatrix(), seed);
        }
        assertTrue(
            !java.util.Arrays.equals(
                folded.norm(io.calm.model.NormRole.MLP), block.norm(io.calm.model.NormRole.MLP)),
            "the fold has changed the norm");
      }
    }
  }

  private static void requireEqual(Matrix expected, Matrix got, long seed) {
    double largest = 0;
    double error = 0;
    for (int r = 0; r < expected.rows(); r++) {
      for (int c = 0; c < expected.columns(); c++) {
        largest = Math.max(largest, Math.abs(expected.get(r, c)));
        error = Math.max(error, Math.abs(expected.get(r, c) - got.get(r, c)));
      }
    }
    assertTrue(error <= 1e-5 * largest, "seed %d: %g of %g".formatted(seed, error, largest));
  }

  @Test
  void valueChannelsAreSharedByTheQueryHeadsOfTheirGroup() {
    FoldSite site = new FoldSite(new SyntheticModel(1, 1).spec(), Stage.ATTENTION_OUT);
    assertEquals(2 * 32, site.channels());
    assertEquals(5, site.channelOf(5));
    assertEquals(5, site.channelOf(32 + 5), "the second query head of the first group");
    assertEquals(32 + 5, site.channelOf(64 + 5));
    assertEquals(32 + 31, site.channelOf(127));
  }
}
