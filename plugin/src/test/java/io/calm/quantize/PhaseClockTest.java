package io.calm.quantize;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.search.Progress;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Times of phases on a clock of the test. */
class PhaseClockTest {
  private long now;

  @Test
  void timeBelongsToThePhaseThatWasReportedLast() {
    List<Progress> heard = new ArrayList<>();
    PhaseClock clock = new PhaseClock(heard::add, () -> now);
    Progress checking = new Progress.Step(Progress.Kind.CHECKING);
    Progress head = new Progress.Step(Progress.Kind.HEAD);
    for (Progress next : List.of(checking, head, head, checking)) {
      now += 1_500_000_000L;
      clock.accept(next);
    }
    now += 250_000_000L;
    Map<String, Double> seconds = clock.phases().seconds();
    assertEquals(Map.of("preparing", 1.5, "checking", 1.75, "lm_head", 3.0), seconds);
    assertEquals(List.of("preparing", "checking", "lm_head"), List.copyOf(seconds.keySet()));
    assertEquals(List.of(checking, head, head, checking), heard);
  }
}
