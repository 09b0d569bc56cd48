package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.model.Stage;
import io.calm.quant.BlockSample;
import io.calm.quant.Granularity;
import io.calm.quant.QuantizationException;
import io.calm.quant.Quantizer;
import io.calm.quant.StageQuantizer;
import io.calm.quant.StageResult;
import io.calm.quant.StageWalk;
import io.calm.tensor.QuantizedMatrix;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The codes that a search by parts holds on the Java heap while it tries its pool. */
class PartSearchHeapTest {
  private static final int POOL = 6;

  /** Quantized linears of all candidates, in the order in which they were made. */
  private final List<WeakReference<QuantizedMatrix>> made = new ArrayList<>();

  private final List<Integer> heldBeforeLast = new ArrayList<>();

  /** GPTQ, worse in all stages than an earlier algorithm of the pool. */
  private final class Watched implements Quantizer, StageQuantizer {
    private final int index;
    private final WeakQuantizers.Picky algorithm;

    Watched(int index) {
      this.index = index;
      this.algorithm =
          new WeakQuantizers.Picky(
              "watched" + index, index == 0 ? Set.of() : Set.of(Stage.values()));
    }

    @Override
    public String name() {
      return algorithm.name();
    }

    @Override
    public Optional<StageQuantizer> stages() {
      return Optional.of(this);
    }

    @Override
    public StageResult quantizeStage(BlockSample sample, StageWalk walk) {
      if (index == POOL - 1 && walk.stage() == Stage.MLP_IN) {
        heldBeforeLast.add(reachable());
      }
      StageResult result = algorithm.quantizeStage(sample, walk);
      if (walk.stage() == Stage.MLP_IN) {
        result.linears().values().forEach(linear -> made.add(new WeakReference<>(linear)));
      }
      return result;
    }

    @Override
    public Result quantize(BlockSample sample) {
      throw new QuantizationException("a search by parts does not quantize a whole block");
    }
  }

  private int reachable() {
    for (int attempt = 0; attempt < 20; attempt++) {
      System.gc();
      long cleared = made.stream().filter(linear -> linear.refersTo(null)).count();
      if (made.size() - cleared <= 2) {
        break;
      }
    }
    return (int) made.stream().filter(linear -> !linear.refersTo(null)).count();
  }

  @ParameterizedTest
  @EnumSource(names = {"HALF", "STAGE"})
  void onlyTheBestCandidateSoFarIsHeld(Granularity granularity) {
    List<Quantizer> pool = new ArrayList<>();
    for (int i = 0; i < POOL; i++) {
      pool.add(new Watched(i));
    }
    QuantPlan plan =
        new RecordedSearches().search(RecordedSearches.settings(pool, granularity, true, false));
    assertTrue(
        plan.blocks().get(0).algorithm().startsWith("watched0"), plan.blocks().get(0).algorithm());
    assertEquals(List.of(2, 2), heldBeforeLast, "gate and up of one candidate");
  }
}
