package io.calm.generate;

import static io.calm.generate.LoopFixture.beginning;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.runtime.Decoder;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;

/** Preemption: sequences that give up their blocks for lack of blocks or memory, and return. */
class PreemptionTest {
  @Test
  void theLastSequenceToArriveGivesUpItsBlocksAndReturns() {
    LoopFixture fixture = new LoopFixture(new SchedulerSettings(256, 4, 4, 8, 400));
    Recorder first = fixture.submit(100, beginning(0, 100));
    fixture.submit(100, beginning(1, 100));
    fixture.finish(first);
    assertEquals(1, fixture.loop.stats().preemptions());
    assertEquals(1, fixture.loop.stats().waiting());
    while (fixture.loop.turn()) {
      assertTrue(fixture.loop.stats().usedBlocks() <= 4);
    }
    fixture.finishAll();
    for (Recorder recorder : fixture.recorders) {
      assertEquals(OptionalInt.of(0), recorder.cached(), "as it was the first time");
    }
    assertEquals(0, fixture.loop.stats().sharedTokens(), "what was computed before does not count");
  }

  @Test
  void withoutMemoryForAllTheFirstGoesOnAndTheLastIsPreempted() {
    LoopFixture fixture = LoopFixture.withMemory(12, 3);
    fixture.submit(100, beginning(1, 60));
    fixture.submit(100, beginning(2, 30));
    fixture.submit(100, beginning(3, 30));
    for (int turn = 0; turn < 20; turn++) {
      fixture.loop.turn();
    }
    assertEquals(1, fixture.decoder.stepsWithoutMemory());
    assertEquals(1, fixture.loop.stats().preemptions());
    assertEquals(
        List.of(19, 19, 5), fixture.recorders.stream().map(one -> one.ids().size()).toList());
    fixture.finishAll();
    assertEquals(1, fixture.decoder.stepsWithoutMemory());
  }

  @Test
  void newRequestsWaitForMemoryAsForBlocks() {
    LoopFixture fixture = LoopFixture.withMemory(12, 2);
    fixture.submit(20, beginning(1, 100));
    for (int i = 2; i <= 8; i++) {
      fixture.loop.turn();
      fixture.submit(5, beginning(i, 10));
    }
    assertEquals(
        6, fixture.queue.waiting(), "one was admitted before the lack of memory was known");
    fixture.finishAll();
    assertEquals(1, fixture.decoder.stepsWithoutMemory());
  }

  @Test
  void aLackOfMemoryIsTestedNowAndThenAtTheCostOfOneStep() {
    LoopFixture fixture = LoopFixture.withMemory(12, 3);
    fixture.submit(1, beginning(1, 70));
    fixture.submit(1, beginning(2, 70));
    fixture.finishAll();
    assertEquals(2, fixture.loop.stats().cachedBlocks());
    int steps = 2 * StepLoop.STEPS_TO_RETRY + 9;
    for (int i = 0; fixture.decoder.steps() < steps; i++) { // more than fit, again and again
      fixture.submit(20, beginning(3, 100 + i % 10));
      fixture.submit(20, beginning(4, 100));
      fixture.finishAll();
    }
    assertEquals(3, fixture.decoder.stepsWithoutMemory());
    fixture.decoder.memoryFor(12);
    fixture.submit(20, beginning(3, 100));
    for (int i = 0; fixture.loop.stats().cachedBlocks() < 6; i++) {
      assertTrue(fixture.decoder.steps() < steps + 2 * StepLoop.STEPS_TO_RETRY);
      fixture.submit(20, beginning(i % 24, 100 + i / 24));
      fixture.finishAll();
    }
    assertEquals(3, fixture.decoder.stepsWithoutMemory());
  }

  @Test
  void aRequestBeyondTheMemoryFailsAlone() {
    LoopFixture fixture = LoopFixture.withMemory(12, 3);
    Recorder large = fixture.submit(100, beginning(1, 150));
    Recorder small = fixture.submit(20, beginning(2, 10));
    Finish failed = fixture.finish(large);
    assertEquals(Finish.Reason.ERROR, failed.reason());
    assertEquals(Optional.of("no memory for one more block"), failed.error());
    assertEquals(3 * Decoder.BLOCK_TOKENS + 1, 150 + large.ids().size());
    assertEquals(Finish.Reason.LENGTH, fixture.finish(small).reason());
    assertEquals(
        Finish.Reason.ERROR, fixture.finish(fixture.submit(1, beginning(3, 200))).reason());
    fixture.decoder.memoryFor(12);
    Recorder back = fixture.submit(100, beginning(1, 150));
    assertEquals(Finish.Reason.LENGTH, fixture.finish(back).reason());
    assertEquals(0, fixture.loop.stats().usedBlocks());
    assertEquals(List.of(), fixture.decoder.violations());
  }
}
