package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.calibration.CalibrationSet;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.cka.Metric;
import io.calm.kernels.KernelVariant;
import io.calm.kernels.NativeSearchKernels;
import io.calm.kernels.NativeVariants;
import io.calm.kernels.SearchKernels;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.quant.AlgorithmName;
import io.calm.quant.Compute;
import io.calm.quant.Granularity;
import io.calm.quant.Quantizer;
import io.calm.quant.Quantizers;
import io.calm.replay.TorchRuntime;
import io.calm.tensor.Parallel;
import io.calm.tensor.QuantizedLinear;
import io.calm.tensor.TokenTable;
import io.calm.testing.Repository;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * A search on the kernels of each variant and on one to three threads: the same plan and the same
 * blocks, bit for bit. {@link io.calm.quantize.PlanBitsIT} also varies the threads of the engine.
 */
class SearchBitsTest {
  private static final int LENGTH = 40;

  private record Run(String name, int threads, SearchKernels kernels) {}

  /** The result of a search, without its times. */
  private record Outcome(String plan, Map<String, BlockParameters<QuantizedLinear>> blocks) {}

  private static List<Run> runs() {
    List<KernelVariant> variants = NativeVariants.here().toList();
    KernelVariant best = variants.get(variants.size() - 1);
    List<Run> runs = new ArrayList<>();
    for (int threads : new int[] {1, 3}) {
      runs.add(new Run(best.name(), threads, new NativeSearchKernels(best)));
    }
    variants.stream()
        .filter(variant -> !variant.name().equals("scalar")) // slow; its kernels have own tests
        .filter(variant -> !variant.equals(best))
        .forEach(variant -> runs.add(new Run(variant.name(), 2, new NativeSearchKernels(variant))));
    return runs;
  }

  @ParameterizedTest
  @EnumSource(names = {"BLOCK", "STAGE"})
  void threadsAndVariantsDoNotChangeAPlan(Granularity granularity) {
    List<Run> runs = runs();
    try (Checkpoint checkpoint = Checkpoints.open(Repository.path("models/calm-tiny-qwen2"))) {
      Outcome expected = search(checkpoint, granularity, runs.get(0));
      for (Run run : runs.subList(1, runs.size())) {
        String what = "%s, %d threads".formatted(run.name(), run.threads());
        Outcome actual = search(checkpoint, granularity, run);
        assertEquals(expected.plan(), actual.plan(), what);
        assertEquals(expected.blocks().keySet(), actual.blocks().keySet(), what);
        expected
            .blocks()
            .forEach(
                (key, block) ->
                    assertEquals(
                        block.linears(), actual.blocks().get(key).linears(), what + ": " + key));
      }
    }
  }

  private static Outcome search(Checkpoint checkpoint, Granularity granularity, Run run) {
    Quantizers all = Quantizers.load();
    List<Quantizer> pool =
        Stream.of("gptq", "awq", "qep").map(name -> all.get(new AlgorithmName(name))).toList();
    SearchSettings settings =
        new SearchSettings(
            pool,
            64,
            ActivationMode.PER_GROUP,
            Metric.CKA,
            granularity,
            true,
            20,
            true,
            new HeadRule.Rounded(pool.get(0).rounding().orElseThrow(), false));
    Map<String, BlockParameters<QuantizedLinear>> blocks = new TreeMap<>();
    BlockSink sink =
        new BlockSink() {
          @Override
          public void block(String variant, int layer, BlockParameters<QuantizedLinear> block) {
            blocks.put(variant + " " + layer, block);
          }

          @Override
          public void head(TokenTable table) {
            // the plan has its divergence
          }
        };
    try (TorchRuntime torch = TorchRuntime.open(run.threads(), run.kernels());
        Parallel parallel = new Parallel(run.threads())) {
      QuantPlan plan =
          Search.run(
              new SearchInputs(
                  torch,
                  checkpoint,
                  layer -> Map.of(),
                  settings,
                  new Compute(parallel, run.kernels())),
              calibration(checkpoint.spec().vocabulary()),
              sink,
              progress -> {});
      return new Outcome(plan.toString().replaceAll("seconds=[^,\\]]+", ""), blocks);
    }
  }

  private static CalibrationSet calibration(int vocabulary) {
    Random random = new Random(11);
    List<int[]> windows =
        IntStream.range(0, 6).mapToObj(i -> random.ints(LENGTH, 0, vocabulary).toArray()).toList();
    return new CalibrationSet(
        "self", 5, windows.subList(0, 3), windows.subList(3, 5), windows.subList(5, 6));
  }
}
