package io.calm.search;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.calibration.CalibrationSet;
import io.calm.cka.Metric;
import io.calm.model.ActivationMode;
import io.calm.quant.Granularity;
import io.calm.search.Streams.Part;
import io.calm.tensor.Matrix;
import io.calm.tensor.RowNorms;
import io.calm.tensor.TableFormat;
import java.util.EnumSet;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The rows that a scorer scales down, with a threshold that makes half of all rows sinks. */
class CandidateScorerRowsTest {
  private final RecordedSearches searches = new RecordedSearches();

  private static SearchSettings settings() {
    return new SearchSettings(
        List.of(WeakQuantizers.named("rtn")),
        32,
        ActivationMode.PER_GROUP,
        Metric.RELATIVE_MSE,
        Granularity.BLOCK,
        true,
        1,
        false,
        new HeadRule.Given(TableFormat.INT8));
  }

  /** A token that is a sink in both streams may be an ordinary one behind the block. */
  @Test
  void onlySinksOfTheQuantizedStreamAloneAreScaledForIt() {
    CalibrationSet set = searches.set;
    CalibrationSet other =
        new CalibrationSet("self", 5, set.fit(), searches.weights.windows(3, 24, 7), set.guard());
    EnumSet<Part> score = EnumSet.of(Part.SCORE);
    searches.withInputs(
        settings(),
        inputs -> {
          SearchContext context = new SearchContext(inputs);
          CandidateScorer scorer = new CandidateScorer(context);
          try (Streams source = Streams.embed(context.model(), set, score);
              Streams equal = source.copy(score);
              Streams quantized = Streams.embed(context.model(), other, score)) {
            assertEquals(Optional.empty(), scorer.rowsOfQuantizedSinks(source, source));
            assertEquals(0, scorer.rowsOfQuantizedSinks(source, equal).orElseThrow().sinks());
            boolean[] inFull = sinks(source);
            boolean[] inQuantized = sinks(quantized);
            int expected = 0;
            int both = 0;
            for (int row = 0; row < inFull.length; row++) {
              expected += inQuantized[row] && !inFull[row] ? 1 : 0;
              both += inQuantized[row] && inFull[row] ? 1 : 0;
            }
            assertTrue(expected > 0 && both > 0, expected + " and " + both);
            assertEquals(
                expected, scorer.rowsOfQuantizedSinks(source, quantized).orElseThrow().sinks());
          }
          return true;
        });
  }

  private static boolean[] sinks(Streams streams) {
    try (Matrix rows = streams.get(Part.SCORE).toMatrix()) {
      double[] norms = RowNorms.of(rows);
      double median = RowNorms.median(norms);
      boolean[] sinks = new boolean[norms.length];
      for (int row = 0; row < sinks.length; row++) {
        sinks[row] = norms[row] > median;
      }
      return sinks;
    }
  }
}
