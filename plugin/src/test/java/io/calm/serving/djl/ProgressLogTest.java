package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.search.Progress;
import org.junit.jupiter.api.Test;

class ProgressLogTest {
  @Test
  void aLineHasTheTimeOfTheWholeLoadAndNotOfThePhase() {
    assertEquals(
        "opening, after 3 s", ProgressLog.line(new Progress.Step(Progress.Kind.OPENING), 3));
    Progress searching =
        new Progress.Searching(
            new Progress.Position(2, 30),
            new Progress.Attempt("awq", 2, 4),
            new Progress.Scores(10, 0.99, "gptq"),
            150);
    assertEquals(
        "searching block 3 of 30, 10 evaluations, after 95 s, about 150 s left",
        ProgressLog.line(searching, 95));
  }
}
