package io.calm.generate;

import static io.calm.generate.SchedulerFixture.LONG;
import static io.calm.generate.SchedulerFixture.SETTINGS;
import static io.calm.generate.SchedulerFixture.rejected;
import static io.calm.generate.SchedulerFixture.request;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Faults outside the decoder: listeners that throw, a loop that dies. */
class SchedulerFaultTest {
  private final SchedulerFixture threaded = new SchedulerFixture();

  @Test
  void aListenerThatThrowsEndsItsOwnGenerationAlone() throws Exception {
    Recorder good = new Recorder();
    List<Finish> ends = new ArrayList<>();
    GenerationListener bad =
        new GenerationListener() {
          @Override
          public void token(GeneratedToken token) {
            throw new IllegalStateException("no room for token " + token.index());
          }

          @Override
          public void finished(Finish finish) {
            ends.add(finish);
            throw new IllegalStateException("nor for the end");
          }
        };
    try (Scheduler scheduler = threaded.start()) {
      scheduler.submit(List.of(request(5, bad, 1), request(5, good, 2)));
      assertEquals(Finish.Reason.LENGTH, good.awaitFinish().reason());
    }
    assertEquals(1, ends.size());
    assertEquals(Finish.Reason.ERROR, ends.get(0).reason());
    assertEquals(Optional.of("no room for token 0"), ends.get(0).error());
  }

  @Test
  void aLoopThatDiesEndsItsRequestsAndSaysWhy() throws Exception {
    AtomicInteger calls = new AtomicInteger();
    GateListener gate = new GateListener();
    Recorder waiting = new Recorder();
    Scheduler scheduler =
        Scheduler.start(
            "test",
            threaded.decoder,
            SETTINGS,
            () -> {
              if (Thread.currentThread().getName().equals("calm-test")
                  && calls.incrementAndGet() == 4) { // not in a listener or a step
                throw new IllegalStateException("the clock broke");
              }
              return 0;
            });
    scheduler.submit(request(30, gate, 1));
    gate.awaitFirst();
    scheduler.submit(
        RequestBuilder.prompt(2).maxNewTokens(30).deadline(Duration.ofDays(1)).build(waiting));
    gate.open();
    assertEquals(Finish.Reason.ERROR, gate.awaitFinish());
    Finish finish = waiting.awaitFinish();
    assertEquals(Finish.Reason.ERROR, finish.reason());
    assertEquals(Optional.of("the clock broke"), finish.error());
    assertTrue(scheduler.awaitClosed(LONG));
    assertTrue(threaded.decoder.closed());
    assertEquals("the clock broke", scheduler.failure().orElseThrow().getMessage());
    RejectedException refused = rejected(scheduler);
    assertEquals(RejectedException.Reason.FAILED, refused.reason());
    assertTrue(refused.getMessage().contains("the clock broke"), refused.getMessage());
  }
}
