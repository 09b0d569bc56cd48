package io.calm.generate;

import static io.calm.generate.LoopFixture.tokens;
import static io.calm.generate.SchedulerFixture.request;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
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
  void pausedGenerationsTakeNoPlaceFromOthers() {
    LoopFixture fixture = new LoopFixture(new SchedulerSettings(256, 16, 1, 1, 400));
    List<Submission> paused = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      Recorder recorder = new Recorder();
      paused.add(fixture.submit(request(20, recorder, i)));
      if (i < 3) {
        fixture.loop.turn();
      }
      paused.get(i).pause();
      fixture.loop.turn();
      assertEquals(0, fixture.loop.stats().running());
      assertEquals(i + 1, fixture.queue.withWaiting(fixture.loop.stats()).paused());
    }
    assertEquals(
        "the queue is full: 4 paused because their clients do not read, 0 running or waiting,"
            + " 4 allowed in all; try again later",
        rejected(fixture));
    paused.forEach(Submission::resume);
    assertEquals(
        "the queue is full: 3 running, 1 waiting, 2 allowed; try again later", rejected(fixture));
    while (fixture.loop.turn()) {
      assertTrue(
          fixture.loop.stats().steps() == fixture.loop.stats().stepSequences(),
          "more than may run");
    }
    SchedulerStats end = fixture.queue.withWaiting(fixture.loop.stats());
    assertEquals(List.of(0, 0, 0), List.of(end.running(), end.waiting(), end.paused()));
  }

  private static String rejected(LoopFixture fixture) {
    RejectedException full =
        assertThrows(RejectedException.class, () -> fixture.submit(request(1, new Recorder(), 1)));
    assertEquals(RejectedException.Reason.QUEUE_FULL, full.reason());
    return String.valueOf(full.getMessage());
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
