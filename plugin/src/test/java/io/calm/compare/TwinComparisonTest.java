package io.calm.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.compare.LatencyReport.TwinState;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerSettings;
import io.calm.model.ModelSpec;
import io.calm.runtime.Decoder;
import io.calm.testing.Latches;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;

/** The life of a comparison: its twin, and its end. */
class TwinComparisonTest extends TwinComparisonFixture {
  @Test
  void aTwinThatStartsDuringTheUnloadingIsWaitedFor() throws Exception {
    CountDownLatch opening = new CountDownLatch(1);
    CountDownLatch draining = new CountDownLatch(1);
    AtomicBoolean freed = new AtomicBoolean();
    FakeTwin slow =
        new FakeTwin() {
          @Override
          Scheduler schedule() {
            opening.countDown();
            Latches.await(draining);
            Decoder decoder = new SlowlyClosed(new TimedDecoder(clock, 8, chunks -> 1), freed);
            return Scheduler.start(
                "twin", decoder, new SchedulerSettings(64, 8, 2, 2, 16), System::nanoTime);
          }
        };
    TwinComparison comparison = start(slow, false, 0.5, MACHINE);
    assertTrue(opening.await(60, TimeUnit.SECONDS));
    comparison.drain();
    draining.countDown();
    assertTrue(comparison.awaitClosed(Duration.ofSeconds(60)));
    assertTrue(freed.get());
  }

  /** A decoder whose memory takes some time to be freed. */
  private record SlowlyClosed(Decoder decoder, AtomicBoolean freed) implements Decoder {
    @Override
    public ModelSpec spec() {
      return decoder.spec();
    }

    @Override
    public int blocks() {
      return decoder.blocks();
    }

    @Override
    public List<List<Logits>> step(List<Chunk> chunks) {
      return decoder.step(chunks);
    }

    @Override
    public void close() {
      try {
        Thread.sleep(500);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
      }
      freed.set(true);
    }
  }

  @Test
  void aModelThatIsClosedDoesNotWaitForATwinThatIsBeingMade() throws Exception {
    CountDownLatch making = new CountDownLatch(1);
    CountDownLatch mayEnd = new CountDownLatch(1);
    AtomicBoolean wasCancelled = new AtomicBoolean();
    FakeTwin baseline =
        new FakeTwin() {
          @Override
          public Stored make(BooleanSupplier cancelled) {
            making.countDown();
            try {
              mayEnd.await(); // a step that takes long
            } catch (InterruptedException e) {
              throw new IllegalStateException(e);
            }
            wasCancelled.set(cancelled.getAsBoolean());
            return super.make(cancelled);
          }
        };
    baseline.state = TwinState.MISSING;
    TwinComparison comparison = start(baseline, false, 0.5, MACHINE);
    making.await();
    comparison.drain();
    assertTrue(comparison.awaitClosed(Duration.ofMinutes(2)), "the twin is not waited for");
    mayEnd.countDown();
    while (!wasCancelled.get()) {
      Thread.sleep(5);
    }
    assertTrue(comparison.awaitClosed(Duration.ofSeconds(60)));
    assertEquals(0, baseline.opened.get(), "decoders that were opened after the end");
  }

  @Test
  void aModelThatIsClosedDoesNotWaitForPlansThatAreBeingRead() throws Exception {
    CountDownLatch reading = new CountDownLatch(1);
    CountDownLatch mayEnd = new CountDownLatch(1);
    FakeTwin baseline =
        new FakeTwin() {
          @Override
          public Plans read() {
            reading.countDown();
            Latches.await(mayEnd);
            return super.read();
          }
        };
    TwinComparison comparison = start(baseline, true, 0, MACHINE);
    reading.await();
    comparison.drain();
    assertTrue(comparison.awaitClosed(Duration.ofMinutes(2)), "the plans are not waited for");
    mayEnd.countDown();
    assertTrue(awaitReadAndClosed(baseline));
    assertEquals(0, baseline.opened.get(), "decoders that were opened after the end");
  }

  /** A copy of gigabytes takes seconds in which the model must not be kept. */
  @Test
  void aTwinIsNotOpenedOnceTheModelIsClosed() throws Exception {
    CountDownLatch opening = new CountDownLatch(1);
    FakeTwin baseline =
        new FakeTwin() {
          @Override
          public Stored make(BooleanSupplier cancelled) {
            Stored made = super.make(cancelled);
            return new Stored() {
              @Override
              public Scheduler schedule(double share, Runnable pause) {
                opening.countDown();
                while (true) {
                  pause.run();
                }
              }

              @Override
              public void close() {
                made.close();
              }
            };
          }
        };
    TwinComparison comparison = start(baseline, false, 0.5, MACHINE);
    assertTrue(opening.await(60, TimeUnit.SECONDS));
    comparison.drain();
    assertTrue(comparison.awaitClosed(Duration.ofSeconds(60)));
    assertEquals(1, baseline.madeClosed.get());
  }

  private static boolean awaitReadAndClosed(FakeTwin baseline) throws InterruptedException {
    for (int i = 0; i < 6000 && (baseline.read.get() == 0 || baseline.openPlans.get() > 0); i++) {
      Thread.sleep(10);
    }
    return baseline.read.get() == 1 && baseline.openPlans.get() == 0;
  }

  /** Memory may be free again later; until then the reason must stay to be seen. */
  @Test
  void aRequestForAProbeTriesAgainToOpenATwinThatCouldNotAnswer() throws Exception {
    AtomicBoolean room = new AtomicBoolean();
    FakeTwin baseline =
        new FakeTwin() {
          @Override
          Scheduler schedule() {
            return room.get() ? scheduler(clock) : super.schedule();
          }
        };
    TwinComparison comparison = start(baseline, false, 0.5, MACHINE);
    awaitFailed(comparison);
    comparison.requestProbe();
    await(comparison, LatencyReport.ProbeState.DONE);
    LatencyReport.Twin still = comparison.report("m", "calm").twin();
    assertEquals(TwinState.FAILED, still.state());
    assertEquals("no memory for the twin", still.reason());

    room.set(true);
    comparison.requestProbe();
    awaitTwin(comparison);
    await(comparison, LatencyReport.ProbeState.DONE);
    assertEquals(TwinState.READY, comparison.report("m", "calm").twin().state());
  }

  /** The files of a twin that answers may be damaged, or calibration texts changed. */
  @Test
  void aFailedCheckOfATwinThatAnswersLeavesItRunning() throws Exception {
    AtomicBoolean damaged = new AtomicBoolean();
    FakeTwin baseline =
        new FakeTwin() {
          @Override
          public Stored make(BooleanSupplier cancelled) {
            if (damaged.get()) {
              throw new IllegalStateException("the files are damaged");
            }
            return super.make(cancelled);
          }

          @Override
          Scheduler schedule() {
            return scheduler(clock);
          }
        };
    TwinComparison comparison = start(baseline, false, 0.5, MACHINE);
    awaitTwin(comparison);
    busy.set(true); // the probe waits, so that its next request comes first
    damaged.set(true);
    comparison.requestProbe();
    LatencyReport.Probe probe = await(comparison, LatencyReport.ProbeState.STOPPED);
    assertEquals("the files are damaged", probe.reason());
    assertEquals(1, baseline.madeClosed.get());
    assertEquals(TwinState.READY, comparison.report("m", "calm").twin().state());
    assertTrue(comparison.shadow().twin().isPresent());
  }

  /** The thread would end, and the report would say that the probe waits for the model. */
  @Test
  void anErrorOfTheJvmIsAFailureLikeAnyOther() throws Exception {
    AtomicBoolean makes = new AtomicBoolean(true);
    FakeTwin broken =
        new FakeTwin() {
          @Override
          public Stored make(BooleanSupplier cancelled) {
            if (makes.get()) {
              throw new StackOverflowError();
            }
            return super.make(cancelled);
          }

          @Override
          public Plans read() {
            throw new NoClassDefFoundError("io/calm/Missing");
          }
        };
    TwinComparison comparison = start(broken, false, 0.5, MACHINE);
    awaitFailed(comparison);
    assertEquals("java.lang.StackOverflowError", comparison.report("m", "calm").twin().reason());
    makes.set(false);
    comparison.requestProbe();
    assertEquals(
        "java.lang.NoClassDefFoundError: io/calm/Missing",
        await(comparison, LatencyReport.ProbeState.STOPPED).reason());
  }

  /** Files that were deleted take disk space for as long as they are open. */
  @Test
  void aFailedCheckClosesTheFilesOfARunThatWasStopped() throws Exception {
    AtomicBoolean damaged = new AtomicBoolean();
    FakeTwin baseline =
        new FakeTwin() {
          @Override
          void stepped() {
            busy.set(true);
          }

          @Override
          public Stored make(BooleanSupplier cancelled) {
            if (damaged.get()) {
              throw new IllegalStateException("the files are damaged");
            }
            return super.make(cancelled);
          }
        };
    TwinComparison comparison = start(baseline, false, 0, MACHINE);
    comparison.requestProbe();
    await(comparison, LatencyReport.ProbeState.STOPPED);
    assertEquals(1, baseline.openPlans.get());
    damaged.set(true);
    comparison.requestProbe();
    awaitFailed(comparison);
    assertTrue(awaitReadAndClosed(baseline));
    assertEquals("the files are damaged", comparison.report("m", "calm").twin().reason());
  }

  private static Scheduler scheduler(AtomicLong clock) {
    return Scheduler.start(
        "twin",
        new TimedDecoder(clock, 8, chunks -> 1),
        new SchedulerSettings(64, 8, 2, 2, 16),
        System::nanoTime);
  }

  private static void awaitTwin(TwinComparison comparison) throws InterruptedException {
    for (int i = 0; i < 6000 && comparison.shadow().twin().isEmpty(); i++) {
      Thread.sleep(10);
    }
    assertTrue(comparison.shadow().twin().isPresent());
  }

  private static void awaitFailed(TwinComparison comparison) throws InterruptedException {
    long start = System.nanoTime();
    while (comparison.report("m", "calm").twin().state() != TwinState.FAILED) {
      assertTrue(System.nanoTime() - start < Duration.ofSeconds(60).toNanos());
      Thread.sleep(5);
    }
  }

  @Test
  void aTwinThatCannotBeOpenedLeavesAllRequestsToTheModel() throws Exception {
    TwinComparison comparison = start(new FakeTwin(), false, 0.5, MACHINE);
    awaitFailed(comparison);
    assertEquals("no memory for the twin", comparison.report("m", "calm").twin().reason());
    assertTrue(comparison.shadow().next().isEmpty());
  }

  @Test
  void aModelWithoutATwinHasNothingToProbe() {
    TwinComparison none = TwinComparison.none();
    assertThrows(IllegalStateException.class, none::requestProbe);
    assertEquals(TwinState.OFF, none.report("m", "calm").twin().state());
    assertFalse(LatencyJson.of(none.report("m", "calm")).toString().contains("NaN"));
  }
}
