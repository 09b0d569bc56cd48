package io.calm.generate;

import static io.calm.generate.SchedulerFixture.rejected;
import static io.calm.generate.SchedulerFixture.request;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

/** The admission of requests: queue limits, requests that can never fit, many clients at once. */
class SchedulerAdmissionTest {
  private final SchedulerFixture threaded = new SchedulerFixture();

  @Test
  void answersFromManyThreadsAreTheOnesAlone() throws Exception {
    List<Recorder> recorders = new ArrayList<>();
    List<Thread> clients = new ArrayList<>();
    try (Scheduler scheduler = threaded.start(new SchedulerSettings(64, 4, 4, 99, 16))) {
      for (int i = 0; i < 24; i++) {
        Recorder recorder = new Recorder();
        recorders.add(recorder);
        int[] prompt = {i % 24, i / 24, 3};
        clients.add(new Thread(() -> scheduler.submit(request(12, recorder, prompt))));
      }
      clients.forEach(Thread::start);
      for (int i = 0; i < 24; i++) {
        Finish unused = recorders.get(i).awaitFinish();
        NaiveGeneration alone =
            NaiveGeneration.of(request(12, recorders.get(i), i % 24, i / 24, 3));
        assertEquals(alone.tokens(), recorders.get(i).ids());
        assertEquals(alone.text(), recorders.get(i).text());
      }
    }
  }

  @Test
  void whoHasSeenAnEventSeesTheStateThatLedToIt() throws Exception {
    List<Integer> running = new ArrayList<>();
    CountDownLatch finished = new CountDownLatch(1);
    try (Scheduler scheduler = threaded.start()) {
      scheduler.submit(
          request(
              2,
              new GenerationListener() {
                @Override
                public void token(GeneratedToken token) {
                  running.add(scheduler.stats().running());
                }

                @Override
                public void finished(Finish finish) {
                  running.add(scheduler.stats().running());
                  finished.countDown();
                }
              },
              1));
      finished.await();
    }
    assertEquals(List.of(1, 1, 0), running);
  }

  @Test
  void aFullQueueTakesAllOrNone() throws Exception {
    GateListener gate = new GateListener();
    try (Scheduler scheduler = threaded.start()) {
      scheduler.submit(request(30, gate, 1));
      gate.awaitFirst();
      List<GenerationRequest> batch = new ArrayList<>();
      List<Recorder> recorders = new ArrayList<>();
      for (int i = 0; i < 11; i++) {
        recorders.add(new Recorder());
        batch.add(request(2, recorders.get(i), i));
      }
      scheduler.submit(batch);
      RejectedException full = rejected(scheduler);
      assertEquals(RejectedException.Reason.QUEUE_FULL, full.reason());
      assertEquals(
          "the queue is full: 1 running, 11 waiting, 12 allowed; try again later",
          full.getMessage());
      gate.open();
      for (Recorder recorder : recorders) {
        assertEquals(Finish.Reason.LENGTH, recorder.awaitFinish().reason());
      }
    }
  }

  @Test
  void aRequestThatCanNeverFitIsRefusedWithNumbers() {
    try (Scheduler scheduler = threaded.start(new SchedulerSettings(300, 4, 4, 8, 16))) {
      RejectedException context = rejected(scheduler, request(298, new Recorder(), 1, 2, 3));
      assertEquals(RejectedException.Reason.TOO_LONG, context.reason());
      assertTrue(
          context
              .getMessage()
              .startsWith(
                  "this model's maximum context length is 300 tokens, but the prompt has 3 tokens"
                      + " and max_new_tokens is 298, together 301;"),
          context.getMessage());
      RejectedException prompt = rejected(scheduler, request(1, new Recorder(), new int[300]));
      assertTrue(
          prompt.getMessage().startsWith("the prompt is too long: this model's maximum context"),
          prompt.getMessage());
      RejectedException budget = rejected(scheduler, request(255, new Recorder(), 1, 2, 3));
      assertTrue(budget.getMessage().contains("257 tokens, but the budget of this model is 256"));
      RejectedException overflow =
          rejected(scheduler, request(Integer.MAX_VALUE, new Recorder(), 1));
      assertEquals(RejectedException.Reason.TOO_LONG, overflow.reason());
    }
  }
}
