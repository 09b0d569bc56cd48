package io.calm.search;

import io.calm.calibration.CalibrationSet;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/** Describes a calibration set for a plan. */
final class Calibrations {
  private Calibrations() {}

  static QuantPlan.Calibration describe(CalibrationSet set) {
    boolean own = set.source().equals("self");
    List<List<Integer>> sequences =
        own
            ? Stream.of(set.fit(), set.score(), set.guard())
                .flatMap(List::stream)
                .map(tokens -> Arrays.stream(tokens).boxed().toList())
                .toList()
            : List.of();
    return new QuantPlan.Calibration(
        set.source(),
        set.fit().size(),
        set.score().size(),
        set.guard().size(),
        set.length(),
        set.seed(),
        sequences);
  }
}
