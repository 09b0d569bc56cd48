package io.calm.generate;

import static io.calm.generate.SchedulerFixture.LONG;
import static io.calm.generate.SchedulerFixture.rejected;
import static io.calm.generate.SchedulerFixture.request;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** The end of a scheduler: closed, drained, idle. */
class SchedulerShutdownTest {
  private final SchedulerFixture threaded = new SchedulerFixture();

  @Test
  void closingEndsWhatRunsAndWaits() throws Exception {
    GateListener gate = new GateListener();
    Recorder waiting = new Recorder();
    Scheduler scheduler = threaded.start();
    scheduler.submit(request(30, gate, 1));
    gate.awaitFirst();
    scheduler.submit(request(30, waiting, 2));
    scheduler.close();
    gate.open();
    assertEquals(Finish.Reason.CANCELLED, gate.awaitFinish());
    assertEquals(Finish.Reason.CANCELLED, waiting.awaitFinish().reason());
    assertTrue(scheduler.awaitClosed(LONG));
    assertTrue(threaded.decoder.closed());
    RejectedException closed = rejected(scheduler);
    assertEquals(RejectedException.Reason.CLOSED, closed.reason());
  }

  @Test
  void drainingLetsEverythingEnd() throws Exception {
    GateListener gate = new GateListener();
    Recorder waiting = new Recorder();
    Scheduler scheduler = threaded.start();
    scheduler.submit(request(30, gate, 1));
    gate.awaitFirst();
    scheduler.submit(request(30, waiting, 2));
    scheduler.drain();
    assertEquals(RejectedException.Reason.CLOSED, rejected(scheduler).reason());
    assertFalse(scheduler.awaitClosed(Duration.ZERO));
    gate.open();
    assertEquals(Finish.Reason.LENGTH, gate.awaitFinish());
    assertEquals(Finish.Reason.LENGTH, waiting.awaitFinish().reason());
    assertTrue(scheduler.awaitClosed(LONG));
    assertTrue(threaded.decoder.closed());
    assertEquals(Optional.empty(), scheduler.failure());
  }

  @Test
  void anIdleSchedulerDrainsAtOnce() throws Exception {
    Scheduler scheduler = threaded.start();
    scheduler.drain();
    assertTrue(scheduler.awaitClosed(LONG));
  }
}
