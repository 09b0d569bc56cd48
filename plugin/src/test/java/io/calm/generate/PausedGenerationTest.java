package io.calm.generate;

import static io.calm.generate.LoopFixture.tokens;
import static io.calm.generate.SchedulerFixture.request;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import org.junit.jupiter.api.Test;

/** Paused and resumed generations. */
class PausedGenerationTest {
  private final SchedulerFixture threaded = new SchedulerFixture();

  @Test
  void aPausedGenerationMakesNoTokensAndDoesNotHoldUpOthers() {
    LoopFixture fixture = new LoopFixture(new SchedulerSettings(256, 4, 1, 8, 400));
    Recorder slow = new Recorder();
    GenerationRequest request = request(40, slow, tokens(200));
    Submission paused = fixture.submit(request);
    fixture.loop.turn();
    paused.pause();
    assertFalse(fixture.loop.turn());
    assertEquals(1, slow.ids().size());
    Recorder other = fixture.submit(100, 1, 2, 3); // needs its blocks, and the only place
    fixture.finish(other);
    assertEquals(1, slow.ids().size());
    paused.resume();
    fixture.finish(slow);
    assertEquals(NaiveGeneration.of(request).tokens(), slow.ids());
  }

  @Test
  void aResumedGenerationWakesTheLoop() throws Exception {
    GateListener gate = new GateListener();
    try (Scheduler scheduler = threaded.start()) {
      Generation generation = scheduler.submit(request(30, gate, 1));
      gate.awaitFirst();
      generation.pause();
      gate.open();
      while (scheduler.stats().steps() == 0) {
        Thread.onSpinWait();
      }
      generation.resume();
      assertEquals(Finish.Reason.LENGTH, gate.awaitFinish());
    }
  }
}
