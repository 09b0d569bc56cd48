package io.calm.search;

import io.calm.calibration.CalibrationSet;
import io.calm.cka.Metric;
import io.calm.kernels.KernelVariants;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.quant.Compute;
import io.calm.quant.Granularity;
import io.calm.quant.Quantizer;
import io.calm.replay.TorchRuntime;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TableFormat;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Searches of a small model whose blocks and progress are kept. */
final class RecordedSearches {
  final SyntheticModel weights = new RoughModel();
  final CalibrationSet set =
      new CalibrationSet(
          "self",
          5,
          weights.windows(12, 24, 1),
          weights.windows(3, 24, 2),
          weights.windows(3, 24, 3));
  final Map<String, BlockParameters<QuantizedLinear>> blocks = new HashMap<>();
  final List<Progress> moments = new ArrayList<>();

  static SearchSettings settings(
      List<Quantizer> pool, Granularity granularity, boolean fullReference, boolean guard) {
    return new SearchSettings(
        pool,
        32,
        ActivationMode.PER_GROUP,
        Metric.RELATIVE_MSE_NORMALIZED,
        granularity,
        fullReference,
        0,
        guard,
        new HeadRule.Given(TableFormat.INT8));
  }

  interface Work<T> {
    T with(SearchInputs inputs);
  }

  <T> T withInputs(SearchSettings settings, Work<T> work) {
    try (TorchRuntime torch = TorchRuntime.open(2, KernelVariants.ofThisMachine().searchKernels());
        Parallel parallel = new Parallel(2)) {
      return work.with(
          new SearchInputs(
              torch,
              weights,
              layer -> Map.of(),
              settings,
              new Compute(parallel, KernelVariants.ofThisMachine().searchKernels())));
    }
  }

  QuantPlan search(SearchSettings settings) {
    blocks.clear();
    moments.clear();
    return withInputs(
        settings,
        inputs ->
            Search.run(
                inputs,
                set,
                (variant, layer, block) -> blocks.put(variant + " " + layer, block),
                moments::add));
  }
}
