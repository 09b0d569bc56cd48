package io.calm.search;

import static io.calm.search.WeakQuantizers.pool;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.calibration.CalibrationSet;
import io.calm.cka.Metric;
import io.calm.model.ActivationMode;
import io.calm.model.BlockParameters;
import io.calm.model.LinearRole;
import io.calm.quant.Granularity;
import io.calm.replay.EngineArrays;
import io.calm.replay.HiddenStates;
import io.calm.replay.TorchRuntime;
import io.calm.search.Streams.Part;
import io.calm.tensor.Matrix;
import io.calm.tensor.QuantizedMatrix;
import io.calm.tensor.TableFormat;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/** The closing of all that a search has opened when something in the middle of it throws. */
class SearchClosesOnFailureTest {
  /** Bytes of the smallest matrix of a test: the score part of the residual stream. */
  private static final long SMALLEST_MATRIX = 4L * 3 * 24 * 128;

  private final RecordedSearches searches = new RecordedSearches();

  private static SearchSettings settings(Metric metric) {
    return new SearchSettings(
        pool("rtn"),
        32,
        ActivationMode.PER_GROUP,
        metric,
        Granularity.STAGE,
        true,
        0,
        false,
        new HeadRule.Given(TableFormat.INT8));
  }

  /** The work of a test on the score part of a stream. */
  private interface Work {
    void with(SearchContext context, Streams streams, BlockParameters<Matrix> block);
  }

  private void run(Metric metric, Work work) {
    searches.withInputs(
        settings(metric),
        inputs -> {
          SearchContext context = new SearchContext(inputs);
          BlockParameters<Matrix> block = searches.weights.block(0);
          try (Streams streams =
              Streams.embed(context.model(), searches.set, EnumSet.of(Part.FIT, Part.SCORE))) {
            work.with(context, streams, block);
          } finally {
            BlockParameters.close(block);
          }
          return true;
        });
  }

  /**
   * Requires that what {@code failing} opens is closed. The tables of the native kernels, 4 KiB,
   * are left to the garbage collector.
   */
  private static void requireNothingStaysOpen(
      TorchRuntime torch, Class<? extends Exception> failure, Executable failing) {
    System.gc(); // the garbage of earlier tests
    int arrays = EngineArrays.open(torch);
    long bytes = PackedGarbage.used();
    assertThrows(failure, failing);
    assertEquals(arrays, EngineArrays.open(torch), "arrays of the engine");
    long left = PackedGarbage.used() - bytes;
    assertTrue(left < SMALLEST_MATRIX / 2, "matrices outside the heap: %d bytes".formatted(left));
  }

  /** Attention succeeds; the product of down fails. */
  @Test
  void targetsCloseWhatTheyOpenedBeforeABlockFails() {
    run(
        Metric.RELATIVE_MSE_NORMALIZED,
        (context, streams, block) -> {
          BlockParameters<Matrix> broken = closed(block, LinearRole.DOWN);
          requireNothingStaysOpen(
              context.inputs().torch(),
              IllegalStateException.class,
              () ->
                  new PartTargets(
                      context, new CandidateScorer(context), 0, broken, streams, streams));
        });
  }

  /** The metric reads a copy of the input, whose shape is not that of the output. */
  @Test
  void aScorerClosesTheInputThatItCopied() {
    run(
        Metric.CKA_CONTRIBUTION,
        (context, streams, block) -> {
          Matrix output = block.linear(LinearRole.DOWN);
          requireNothingStaysOpen(
              context.inputs().torch(),
              IllegalArgumentException.class,
              () ->
                  new CandidateScorer(context)
                      .target(output, streams.get(Part.SCORE), Optional.empty()));
        });
  }

  @Test
  void aPartSearchClosesTheFirstPassWhenTheSecondFails() {
    run(
        Metric.RELATIVE_MSE_NORMALIZED,
        (context, streams, block) -> {
          try (Streams closed = streams.copy(EnumSet.of(Part.SCORE))) {
            HiddenStates score = closed.get(Part.SCORE);
            score.close();
            ProgressMeter progress = new ProgressMeter(p -> {}, System::nanoTime, 2, 1, 4, false);
            requireNothingStaysOpen(
                context.inputs().torch(),
                IllegalStateException.class,
                () ->
                    new PartSearch(
                        context,
                        progress,
                        0,
                        block,
                        streams.get(Part.FIT),
                        score,
                        Optional.empty()));
          }
        });
  }

  /** A scale of the second linear is not a number. */
  @Test
  void modulesOfAStageAreFreedWhenOneCannotBePacked() {
    run(
        Metric.RELATIVE_MSE_NORMALIZED,
        (context, streams, block) -> {
          Map<LinearRole, QuantizedMatrix> linears = new LinkedHashMap<>();
          linears.put(LinearRole.GATE, linear(1));
          linears.put(LinearRole.UP, linear(Float.NaN));
          requireNothingStaysOpen(
              context.inputs().torch(),
              IllegalArgumentException.class,
              () -> new ScratchModules(linears, context.compute().parallel()));
        });
  }

  /** The last part has a token that the model does not know. */
  @Test
  void streamsCloseThePartsThatWereEmbeddedBeforeOneFails() {
    int[] unknown = new int[24];
    unknown[23] = searches.weights.spec().vocabulary();
    CalibrationSet set =
        new CalibrationSet("self", 5, searches.set.fit(), searches.set.score(), List.of(unknown));
    run(
        Metric.CKA,
        (context, streams, block) ->
            requireNothingStaysOpen(
                context.inputs().torch(),
                IllegalArgumentException.class,
                () -> Streams.embed(context.model(), set, EnumSet.allOf(Part.class))));
  }

  /** The first chunk of 2048 tokens is complete; a window of the second is too short. */
  @Test
  void aModelClosesTheChunksThatWereEmbeddedBeforeOneFails() {
    List<int[]> windows = new ArrayList<>(searches.weights.windows(100, 24, 4));
    windows.set(99, new int[] {1, 2, 3});
    run(
        Metric.CKA,
        (context, streams, block) ->
            requireNothingStaysOpen(
                context.inputs().torch(),
                IllegalArgumentException.class,
                () -> context.model().embed(windows)));
  }

  private static QuantizedMatrix linear(float lastScale) {
    int grids = 4096 * 3;
    float[] scales = new float[grids];
    scales[grids - 1] = lastScale;
    return new QuantizedMatrix(4096, 192, 64, new byte[4096 * 192], scales, new float[grids]);
  }

  /** Returns the block with a linear whose memory is freed. */
  private static BlockParameters<Matrix> closed(BlockParameters<Matrix> block, LinearRole role) {
    Map<LinearRole, Matrix> linears = new EnumMap<>(block.linears());
    Matrix copy = block.linear(role).copy();
    copy.close();
    linears.put(role, copy);
    return new BlockParameters<>(linears, block.biases(), block.norms());
  }

  /** The output of the block is prepared once, unless the metric reads the input of each half. */
  @Test
  void theOutputOfABlockIsPreparedOnce() {
    assertTrue(preparesTheLastHalfAsTheBlock(Metric.RELATIVE_MSE_NORMALIZED));
    assertFalse(preparesTheLastHalfAsTheBlock(Metric.CKA_CONTRIBUTION));
  }

  private boolean preparesTheLastHalfAsTheBlock(Metric metric) {
    Granularity.Part last = Granularity.HALF.parts().get(1);
    AtomicBoolean same = new AtomicBoolean();
    run(
        metric,
        (context, streams, block) -> {
          CandidateScorer scorer = new CandidateScorer(context);
          try (PartTargets targets = new PartTargets(context, scorer, 0, block, streams, streams)) {
            same.set(targets.of(last) == targets.ofBlock());
            assertEquals(streams.get(Part.SCORE).rows(), scorer.scoredRows());
          }
        });
    return same.get();
  }
}
