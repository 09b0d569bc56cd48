package io.calm.generate;

import static io.calm.generate.SchedulerFixture.request;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;

/** Cancelled requests and requests past their deadline, queued or running. */
class SchedulerCancellationTest {
  private final SchedulerFixture threaded = new SchedulerFixture();

  @Test
  void cancellingFreesTheSequenceBeforeTheNextStep() throws Exception {
    GateListener gate = new GateListener();
    try (Scheduler scheduler = threaded.start()) {
      Generation generation = scheduler.submit(request(30, gate, 1));
      gate.awaitFirst();
      int steps = threaded.decoder.steps();
      generation.cancel();
      gate.open();
      assertEquals(Finish.Reason.CANCELLED, gate.awaitFinish());
      assertEquals(steps, threaded.decoder.steps());
    }
  }

  @Test
  void aDeadlineEndsQueuedAndRunningRequests() {
    LoopFixture fixture = new LoopFixture(new SchedulerSettings(64, 4, 1, 8, 16));
    Recorder running = new Recorder();
    Recorder waiting = new Recorder();
    for (Recorder recorder : List.of(running, waiting)) {
      fixture.submit(
          RequestBuilder.prompt(1)
              .maxNewTokens(60)
              .deadline(Duration.ofNanos(10_000))
              .build(recorder));
    }
    for (int turn = 0; turn < 5; turn++) {
      fixture.loop.turn();
    }
    assertEquals(OptionalLong.of(10_000), fixture.loop.nanosToDeadline());
    fixture.clock.set(9_999);
    fixture.loop.turn();
    assertEquals(Optional.empty(), running.finish());
    fixture.clock.set(10_000);
    assertFalse(fixture.loop.turn());
    Finish finish = running.finish().orElseThrow();
    assertEquals(Finish.Reason.DEADLINE, finish.reason());
    assertEquals(6, finish.usage().generatedTokens());
    assertEquals(Finish.Reason.DEADLINE, waiting.finish().orElseThrow().reason());
    assertEquals(0, fixture.loop.stats().usedBlocks());
  }
}
