package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.calibration.CalibrationSet;
import io.calm.cka.Metric;
import io.calm.kernels.KernelVariants;
import io.calm.kernels.SearchKernels;
import io.calm.model.ActivationMode;
import io.calm.model.LinearRole;
import io.calm.model.ModelSpec;
import io.calm.quant.AlgorithmName;
import io.calm.quant.Compute;
import io.calm.quant.Granularity;
import io.calm.quant.Quantizer;
import io.calm.quant.Quantizers;
import io.calm.replay.TorchRuntime;
import io.calm.tensor.Parallel;
import io.calm.tensor.TableFormat;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The memory that a search holds outside the heap does not grow with the number of blocks. */
class SearchFreesMemoryTest {
  private static final int LAYERS = 16;

  private final SyntheticModel weights = new SyntheticModel(LAYERS, 7);
  private final List<Quantizer> pool =
      Stream.of("rtn", "gptq", "awq", "qep")
          .map(name -> Quantizers.load().get(new AlgorithmName(name)))
          .toList();

  /**
   * Counts the bytes of direct buffers without a garbage collection of its own. What is left after
   * the last block may be the packed candidates, 5 bits a weight with grids and padding, and the
   * matrices of one block.
   */
  @Test
  void closedMatricesAreFreedBeforeTheNextBlock() {
    long block = blockWeights(weights.spec());
    System.gc(); // the garbage of earlier tests
    long before = PackedGarbage.used();
    search();
    long left = PackedGarbage.used() - before;
    long candidates = (long) LAYERS * (pool.size() + 1) * block * 5 / 8;
    long budget = candidates + 4 * 4 * block;
    assertTrue(left <= budget, "left %d, budget %d bytes".formatted(left, budget));
  }

  private static long blockWeights(ModelSpec spec) {
    return Stream.of(LinearRole.values())
        .mapToLong(role -> (long) spec.outputs(role) * spec.inputs(role))
        .sum();
  }

  private void search() {
    SearchKernels kernels = KernelVariants.ofThisMachine().searchKernels();
    CalibrationSet set =
        new CalibrationSet(
            "self",
            5,
            weights.windows(8, 24, 1),
            weights.windows(2, 24, 2),
            weights.windows(2, 24, 3));
    try (TorchRuntime torch = TorchRuntime.open(2, kernels);
        Parallel parallel = new Parallel(2)) {
      Search.run(
          new SearchInputs(
              torch,
              weights,
              layer -> Map.of(),
              new SearchSettings(
                  pool,
                  32,
                  ActivationMode.PER_GROUP,
                  Metric.CKA,
                  Granularity.BLOCK,
                  true,
                  20,
                  false,
                  new HeadRule.Given(TableFormat.INT8)),
              new Compute(parallel, kernels)),
          set,
          (variant, layer, packed) -> {},
          progress -> {});
    }
  }
}
