package io.calm.generate;

import static io.calm.generate.LoopFixture.beginning;
import static io.calm.generate.LoopFixture.tokens;
import static io.calm.generate.SchedulerFixture.request;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.testing.Poll;
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
  void pausedSequencesGiveTheirBlocksToRequestsThatWait() {
    LoopFixture fixture = new LoopFixture(new SchedulerSettings(1024, 40, 8, 8, 1024));
    List<Submission> slow = submitSlow(fixture, 3, 740);
    for (int turn = 0; turn < 4; turn++) {
      fixture.loop.turn();
    }
    slow.forEach(Submission::pause);
    fixture.submit(300, 1, 2, 3);
    for (int i = 0; i < 3; i++) {
      fixture.submit(10, beginning(11 + i, 300)); // 5 blocks, of which 4 are free
    }
    for (int turn = 0; turn < 12; turn++) {
      fixture.loop.turn();
    }
    assertEquals(
        List.of(10, 10, 10),
        fixture.recorders.subList(4, 7).stream().map(one -> one.ids().size()).toList());
    assertEquals(1, fixture.loop.stats().preemptions(), "the newest is enough");
    slow.forEach(Submission::resume);
    fixture.finishAll();
  }

  @Test
  void aRequestThatWasRefusedIsAdmittedAfterAPause() {
    LoopFixture fixture = new LoopFixture(new SchedulerSettings(1024, 8, 8, 8, 1024));
    List<Submission> two = submitSlow(fixture, 2, 200);
    fixture.submit(5, beginning(9, 200));
    for (int turn = 0; turn < 3; turn++) {
      fixture.loop.turn();
    }
    assertEquals(1, fixture.queue.waiting());
    two.get(0).pause();
    fixture.loop.turn();
    assertEquals(0, fixture.queue.waiting());
    two.get(0).resume();
    fixture.finishAll();
  }

  @Test
  void aPausedSequenceKeepsBlocksThatWouldNotBeEnough() {
    LoopFixture fixture = new LoopFixture(new SchedulerSettings(1024, 8, 8, 8, 1024));
    Submission slow = submitSlow(fixture, 2, 200).get(0);
    fixture.submit(5, beginning(9, 400));
    fixture.loop.turn();
    slow.pause();
    for (int turn = 0; turn < 3; turn++) {
      fixture.loop.turn();
    }
    assertEquals(1, fixture.queue.waiting());
    assertEquals(0, fixture.loop.stats().preemptions());
    slow.resume();
    fixture.finishAll();
  }

  private static List<Submission> submitSlow(LoopFixture fixture, int count, int prompt) {
    List<Submission> submissions = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      submissions.add(fixture.begin(20, beginning(i + 1, prompt)));
    }
    return submissions;
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
      Poll.until("a step has run", () -> scheduler.stats().steps() > 0);
      generation.resume();
      assertEquals(Finish.Reason.LENGTH, gate.awaitFinish());
    }
  }
}
