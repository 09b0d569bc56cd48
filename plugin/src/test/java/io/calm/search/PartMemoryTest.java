package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.cka.Metric;
import io.calm.model.ModelSpec;
import io.calm.model.RopeSpec;
import io.calm.model.Stage;
import io.calm.quant.Granularity;
import io.calm.quant.Quantizer;
import io.calm.quant.StageWalk;
import io.calm.replay.EngineArrays;
import io.calm.replay.TorchRuntime;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class PartMemoryTest {
  private final RecordedSearches searches = new RecordedSearches();
  private final AtomicLong most = new AtomicLong();

  /** Returns the walk, with a look at the engine's arrays after every call. */
  private static StageWalk watched(StageWalk walk, Runnable look) {
    return (StageWalk)
        Proxy.newProxyInstance(
            StageWalk.class.getClassLoader(),
            new Class<?>[] {StageWalk.class},
            (proxy, method, arguments) -> {
              try {
                return method.invoke(walk, arguments);
              } catch (InvocationTargetException e) {
                throw e.getCause();
              } finally {
                look.run();
              }
            });
  }

  /** The arrays of a search, counted while its algorithm runs, are within the estimate. */
  @ParameterizedTest
  @EnumSource(names = {"HALF", "STAGE"})
  void theEstimateCoversWhatASearchHolds(Granularity granularity) {
    AtomicReference<Optional<TorchRuntime>> torch = new AtomicReference<>(Optional.empty());
    Runnable look =
        () ->
            torch
                .get()
                .ifPresent(engine -> most.accumulateAndGet(EngineArrays.bytes(engine), Math::max));
    Quantizer watching =
        new WeakQuantizers.Comparing(
            WeakQuantizers.named("smoothquant+qep"), (sample, walk) -> watched(walk, look));
    SearchSettings settings =
        RecordedSearches.settings(
            List.of(watching, WeakQuantizers.named("gptq")), granularity, true, true);
    searches.withInputs(
        settings,
        inputs -> {
          torch.set(Optional.of(inputs.torch()));
          return Search.run(inputs, searches.set, (variant, layer, block) -> {}, progress -> {});
        });

    ModelSpec spec = searches.weights.spec();
    long fit = tokens(searches.set.fit());
    long score = tokens(searches.set.score());
    long all = fit + score + tokens(searches.set.guard());
    long widest = Arrays.stream(Stage.values()).mapToLong(spec::inputs).max().orElseThrow();
    long blocks =
        4L * (3 * all * spec.hidden() + 2 * fit * (spec.hidden() + widest) + 2 * widest * widest);
    PartMemory parts =
        PartMemory.of(
            spec, granularity, settings.metric(), true, new PartMemory.Tokens(fit, score));
    long estimate = blocks + parts.passes() + parts.matrices();
    assertTrue(
        most.get() <= estimate && 2 * most.get() >= estimate,
        "held %d, estimated %d bytes, %d of them in a search of whole blocks"
            .formatted(most.get(), estimate, blocks));
    assertTrue(most.get() > blocks, "the search of whole blocks alone would not cover it");
  }

  private static long tokens(List<int[]> windows) {
    return windows.stream().mapToLong(window -> window.length).sum();
  }

  @Test
  void aStageKeepsNoFactorsOfWideInputs() {
    assertEquals(2L * 4096 * 4096, SharedStages.keptElements(spec(4096), Stage.MLP_OUT, false));
    assertEquals(4128L * 4128, SharedStages.keptElements(spec(4128), Stage.MLP_OUT, false));
    assertEquals(
        4128L * 4128 + 2 * 4128L * 64, SharedStages.keptElements(spec(4128), Stage.MLP_OUT, true));
  }

  @Test
  void aMetricThatReadsTheInputKeepsThreeCopiesOfIt() {
    PartMemory.Tokens tokens = new PartMemory.Tokens(100, 10);
    long without = PartMemory.of(spec(128), Granularity.STAGE, Metric.CKA, false, tokens).passes();
    long with =
        PartMemory.of(spec(128), Granularity.STAGE, Metric.CKA_CONTRIBUTION, false, tokens)
            .passes();
    assertEquals(4L * 3 * 10 * 64, with - without);
    assertEquals(
        PartMemory.NONE, PartMemory.of(spec(128), Granularity.BLOCK, Metric.CKA, true, tokens));
  }

  private static ModelSpec spec(int intermediate) {
    return new ModelSpec(
        "llama",
        64,
        1,
        2,
        2,
        32,
        intermediate,
        61,
        64,
        1e-5f,
        new RopeSpec(10_000, new RopeSpec.None()),
        false,
        Set.of(),
        false,
        Collections.nCopies(1, 0));
  }
}
