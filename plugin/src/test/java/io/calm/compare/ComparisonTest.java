package io.calm.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonParser;
import io.calm.compare.LatencyReport.ProbeState;
import io.calm.compare.LatencyReport.TwinState;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerSettings;
import io.calm.kernels.MachineInfo;
import io.calm.model.ModelSpec;
import io.calm.runtime.Decoder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The life of a comparison: when it probes, when it stops, what it remembers. */
class ComparisonTest {
  private static final MachineInfo MACHINE =
      new MachineInfo("a processor", 2, "avx2", "Linux", "amd64", 1L << 34, "a JVM");

  @TempDir Path cache;

  private final AtomicBoolean busy = new AtomicBoolean();
  private final List<Comparison> started = new ArrayList<>();

  @BeforeEach
  void makePrivate() throws Exception {
    Files.setPosixFilePermissions(cache, PosixFilePermissions.fromString("rwx------"));
  }

  @AfterEach
  void close() throws Exception {
    for (Comparison comparison : started) {
      comparison.close();
      assertTrue(comparison.awaitClosed(Duration.ofSeconds(30)));
    }
  }

  /** A twin that takes 1 % less time than the served plan. */
  private static class FakeTwin implements TwinSource {
    final AtomicInteger opened = new AtomicInteger();
    final AtomicInteger open = new AtomicInteger();
    final AtomicInteger steps = new AtomicInteger();
    final AtomicLong clock = new AtomicLong();
    final List<Boolean> orders = new CopyOnWriteArrayList<>();
    int openings = 1;
    volatile boolean wide;
    volatile TwinState state = TwinState.READY;

    @Override
    public LatencyReport.Twin describe() {
      return new LatencyReport.Twin("auto", "uniform-gptq", false, state, "the best");
    }

    @Override
    public void make(BooleanSupplier cancelled) {
      state = TwinState.READY;
    }

    void stepped() {}

    /** What the memory of an opening adds to a step of the served plan. */
    int placement() {
      return 0;
    }

    @Override
    public PairedDecoders open(List<StepShape> shapes, boolean uniformFirst) {
      opened.incrementAndGet();
      open.incrementAndGet();
      int blocks = StepShape.blocks(shapes);
      orders.add(uniformFirst);
      int placed = placement();
      TimedDecoder served = new TimedDecoder(clock, blocks, chunks -> step(1010 + placed));
      TimedDecoder uniform = new TimedDecoder(clock, blocks, chunks -> step(1000));
      return new PairedDecoders() {
        @Override
        public Decoder served() {
          return served;
        }

        @Override
        public Decoder uniform() {
          return uniform;
        }

        @Override
        public void close() {
          open.decrementAndGet();
        }
      };
    }

    private long step(long nanos) {
      steps.incrementAndGet();
      stepped();
      return wide ? nanos + 100L * (steps.get() % 7) : nanos;
    }

    @Override
    public Scheduler schedule(double share) {
      throw new IllegalStateException("no memory for the twin");
    }
  }

  private Comparison start(FakeTwin baseline, boolean auto, double share, MachineInfo machine) {
    return start(baseline, auto, share, machine, busy::get);
  }

  private Comparison start(
      FakeTwin baseline,
      boolean auto,
      double share,
      MachineInfo machine,
      BooleanSupplier hasRequests) {
    Comparison comparison =
        Comparison.start(
            new Comparison.Subject("m", "calm", "abc", Optional.of(machine), 2, "copied"),
            new Comparison.Options(
                auto,
                share,
                Duration.ofMillis(50),
                baseline.openings,
                PairedSteps.Limits.exactly(20),
                baseline.clock::get),
            baseline,
            Optional.of(new ProbeStore(cache)),
            hasRequests);
    started.add(comparison);
    return comparison;
  }

  private static LatencyReport.Probe await(Comparison comparison, ProbeState wanted)
      throws InterruptedException {
    long start = System.nanoTime();
    while (comparison.report("m", "calm").probe().state() != wanted) {
      if (System.nanoTime() - start > Duration.ofSeconds(60).toNanos()) {
        throw new AssertionError("still " + comparison.report("m", "calm"));
      }
      Thread.sleep(5);
    }
    return comparison.report("m", "calm").probe();
  }

  @Test
  void anIdleModelIsProbedByItselfAndTheResultIsLoadedAtTheNextStart() throws Exception {
    FakeTwin first = new FakeTwin();
    LatencyReport.Probe done = await(start(first, true, 0, MACHINE), ProbeState.DONE);
    assertEquals(StepShape.PROBED.size(), done.rows().size());
    for (ProbeRow row : done.rows()) {
      assertEquals(1, row.deviation().percent(), 1e-9);
    }
    assertEquals(0, first.open.get(), "decoders that are still open");

    FakeTwin second = new FakeTwin();
    LatencyReport.Probe loaded = start(second, true, 0, MACHINE).report("m", "calm").probe();
    assertEquals(done, loaded);
    Thread.sleep(200);
    assertEquals(0, second.opened.get());
  }

  @Test
  void anotherMachineIsProbedAgain() throws Exception {
    await(start(new FakeTwin(), true, 0, MACHINE), ProbeState.DONE);
    MachineInfo other = new MachineInfo("another", 2, "avx2", "Linux", "amd64", 1L << 34, "a JVM");
    FakeTwin baseline = new FakeTwin();
    await(start(baseline, true, 0, other), ProbeState.DONE);
    assertEquals(1, baseline.opened.get());
  }

  @Test
  void aResultWithAWideIntervalIsShownAndMeasuredAgainAtTheNextStart() throws Exception {
    FakeTwin noisy = new FakeTwin();
    noisy.wide = true;
    LatencyReport.Probe wide = await(start(noisy, true, 0, MACHINE), ProbeState.DONE);
    assertTrue(wide.rows().stream().anyMatch(row -> row.deviation().halfWidth() > 0.3));

    FakeTwin baseline = new FakeTwin();
    Comparison comparison = start(baseline, true, 0, MACHINE);
    assertEquals(StepShape.PROBED.size(), comparison.rows().size());
    LatencyReport.Probe done = await(comparison, ProbeState.DONE);
    assertEquals(1, baseline.opened.get());
    assertEquals(1, done.rows().get(0).deviation().percent(), 1e-9);
  }

  @Test
  void aDamagedResultIsMeasuredAgain() throws Exception {
    await(start(new FakeTwin(), true, 0, MACHINE), ProbeState.DONE);
    Path file = cache.resolve("latency").resolve("abc-uniform-gptq.json");
    for (String damage : List.of("", "{", "[]", "{\"machine\": 3}", "{\"rows\": []}")) {
      Files.delete(file);
      Files.writeString(file, damage);
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-------"));
      FakeTwin baseline = new FakeTwin();
      await(start(baseline, true, 0, MACHINE), ProbeState.DONE);
      assertEquals(1, baseline.opened.get(), damage);
      assertTrue(JsonParser.parseString(Files.readString(file)).isJsonObject());
    }
  }

  @Test
  void aModelThatIsNeverIdleIsNotProbed() throws Exception {
    busy.set(true);
    FakeTwin baseline = new FakeTwin();
    Comparison comparison = start(baseline, true, 0, MACHINE);
    comparison.requestProbe();
    Thread.sleep(300);
    assertEquals(0, baseline.opened.get());
    assertEquals(ProbeState.WAITING, comparison.report("m", "calm").probe().state());
  }

  @Test
  void aRequestStopsTheProbeWhichContinuesWhenTheModelIsIdle() throws Exception {
    FakeTwin baseline =
        new FakeTwin() {
          @Override
          void stepped() {
            if (steps.get() == 300) { // in the second kind of step
              busy.set(true);
            }
          }
        };
    Comparison comparison = start(baseline, true, 0, MACHINE);
    LatencyReport.Probe stopped = await(comparison, ProbeState.STOPPED);
    assertEquals(300, baseline.steps.get(), "steps after the request");
    assertEquals(0, baseline.open.get(), "decoders that are still open");
    assertEquals(1, stopped.rows().size());
    assertEquals(
        "a request or a search needed the processor; it continues after 1 s without them",
        stopped.reason());

    busy.set(false);
    LatencyReport.Probe done = await(comparison, ProbeState.DONE);
    assertEquals(stopped.rows().get(0), done.rows().get(0));
    assertEquals(StepShape.PROBED.size(), done.rows().size());
  }

  @Test
  void theIntervalCoversWhereTheMemoryOfAnOpeningLies() throws Exception {
    FakeTwin baseline =
        new FakeTwin() {
          @Override
          int placement() {
            return opened.get() % 2 == 0 ? 20 : -20; // 2 %
          }
        };
    baseline.openings = 4;
    LatencyReport.Probe done = await(start(baseline, true, 0, MACHINE), ProbeState.DONE);
    assertEquals(List.of(false, true, false, true), baseline.orders);
    for (ProbeRow row : done.rows()) {
      assertEquals(4, row.openings());
      assertEquals(4 * 4 * 20, row.steps());
      assertEquals(1, row.deviation().percent(), 1e-9);
      // Medians of -1, 3, -1, 3 %: a standard deviation of 4 / sqrt(3), t = 3.182.
      assertEquals(3.182 * 2 / Math.sqrt(3), row.deviation().halfWidth(), 1e-9);
    }
  }

  @Test
  void aProbeThatIsStoppedInItsSecondOpeningKeepsTheFirst() throws Exception {
    FakeTwin baseline =
        new FakeTwin() {
          @Override
          void stepped() {
            if (opened.get() == 2) {
              busy.set(true);
            }
          }
        };
    baseline.openings = 3;
    Comparison comparison = start(baseline, true, 0, MACHINE);
    LatencyReport.Probe stopped = await(comparison, ProbeState.STOPPED);
    assertEquals(StepShape.PROBED.size(), stopped.rows().size());
    assertEquals(1, stopped.rows().get(0).openings());

    busy.set(false);
    LatencyReport.Probe done = await(comparison, ProbeState.DONE);
    assertEquals(4, baseline.opened.get(), "the second opening is repeated");
    assertEquals(List.of(false, true, true, false), baseline.orders);
    done.rows().forEach(row -> assertEquals(3, row.openings()));
  }

  @Test
  void aMissingTwinIsMadeOnlyOnRequest() throws Exception {
    FakeTwin baseline = new FakeTwin();
    baseline.state = TwinState.MISSING;
    Comparison comparison = start(baseline, true, 0, MACHINE);
    Thread.sleep(200);
    assertEquals(TwinState.MISSING, comparison.report("m", "calm").twin().state());
    assertEquals(0, baseline.opened.get());

    comparison.requestProbe();
    await(comparison, ProbeState.DONE);
    assertEquals(TwinState.READY, comparison.report("m", "calm").twin().state());
  }

  @Test
  void twoModelsAreProbedOneAfterTheOther() throws Exception {
    AtomicInteger atOnce = new AtomicInteger();
    AtomicInteger most = new AtomicInteger();
    List<Comparison> all = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      all.add(
          start(
              new FakeTwin() {
                @Override
                public PairedDecoders open(List<StepShape> shapes, boolean uniformFirst) {
                  most.accumulateAndGet(atOnce.incrementAndGet(), Math::max);
                  PairedDecoders opened = super.open(shapes, uniformFirst);
                  return new PairedDecoders() {
                    @Override
                    public Decoder served() {
                      return opened.served();
                    }

                    @Override
                    public Decoder uniform() {
                      return opened.uniform();
                    }

                    @Override
                    public void close() {
                      atOnce.decrementAndGet();
                    }
                  };
                }
              },
              true,
              0,
              MACHINE));
    }
    for (Comparison comparison : all) {
      await(comparison, ProbeState.DONE);
    }
    assertEquals(1, most.get());
  }

  @Test
  void theLastRequestsOfAModelThatIsUnloadedStopTheProbesOfOthers() throws Exception {
    busy.set(true);
    Comparison unloading = start(new FakeTwin(), false, 0, MACHINE);
    unloading.drain();
    FakeTwin baseline = new FakeTwin();
    Comparison comparison = start(baseline, false, 0, MACHINE, () -> false);
    comparison.requestProbe();
    Thread.sleep(500);
    assertEquals(0, baseline.opened.get());
    assertEquals(ProbeState.WAITING, comparison.report("m", "calm").probe().state());
    assertTrue(unloading.awaitClosed(Duration.ZERO)); // its requests have ended
    await(comparison, ProbeState.DONE);
  }

  @Test
  void aTwinThatStartsDuringTheUnloadingIsWaitedFor() throws Exception {
    CountDownLatch opening = new CountDownLatch(1);
    CountDownLatch draining = new CountDownLatch(1);
    AtomicBoolean freed = new AtomicBoolean();
    FakeTwin slow =
        new FakeTwin() {
          @Override
          public Scheduler schedule(double share) {
            opening.countDown();
            awaitUninterruptibly(draining);
            Decoder decoder = new SlowlyClosed(new TimedDecoder(clock, 8, chunks -> 1), freed);
            return Scheduler.start(
                "twin", decoder, new SchedulerSettings(64, 8, 2, 2, 16), System::nanoTime);
          }
        };
    Comparison comparison = start(slow, false, 0.5, MACHINE);
    assertTrue(opening.await(60, TimeUnit.SECONDS));
    comparison.drain();
    draining.countDown();
    assertTrue(comparison.awaitClosed(Duration.ofSeconds(60)));
    assertTrue(freed.get());
  }

  private static void awaitUninterruptibly(CountDownLatch latch) {
    try {
      assertTrue(latch.await(60, TimeUnit.SECONDS));
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
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
  void memoryThatIsNotThereIsAStateAndNoFailureOfTheModel() throws Exception {
    FakeTwin baseline =
        new FakeTwin() {
          @Override
          public PairedDecoders open(List<StepShape> shapes, boolean uniformFirst) {
            throw new IllegalStateException("memory: 12 MiB needed");
          }
        };
    LatencyReport.Probe probe = await(start(baseline, true, 0, MACHINE), ProbeState.STOPPED);
    assertEquals("memory: 12 MiB needed", probe.reason());
  }

  @Test
  void aModelThatIsClosedDoesNotWaitForATwinThatIsBeingMade() throws Exception {
    CountDownLatch making = new CountDownLatch(1);
    CountDownLatch mayEnd = new CountDownLatch(1);
    AtomicBoolean wasCancelled = new AtomicBoolean();
    FakeTwin baseline =
        new FakeTwin() {
          @Override
          public void make(BooleanSupplier cancelled) {
            making.countDown();
            try {
              mayEnd.await(); // a step that takes long
            } catch (InterruptedException e) {
              throw new IllegalStateException(e);
            }
            wasCancelled.set(cancelled.getAsBoolean());
            super.make(cancelled);
          }
        };
    baseline.state = TwinState.MISSING;
    Comparison comparison = start(baseline, false, 0.5, MACHINE);
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
  void aTwinThatCannotBeOpenedLeavesAllRequestsToTheModel() throws Exception {
    Comparison comparison = start(new FakeTwin(), false, 0.5, MACHINE);
    long start = System.nanoTime();
    while (comparison.report("m", "calm").twin().state() != TwinState.FAILED) {
      assertTrue(System.nanoTime() - start < Duration.ofSeconds(60).toNanos());
      Thread.sleep(5);
    }
    assertEquals("no memory for the twin", comparison.report("m", "calm").twin().reason());
    assertTrue(comparison.shadow().next().isEmpty());
  }

  @Test
  void aModelWithoutATwinHasNothingToProbe() {
    Comparison none = Comparison.none();
    assertThrows(IllegalStateException.class, none::requestProbe);
    assertEquals(TwinState.OFF, none.report("m", "calm").twin().state());
    assertFalse(LatencyJson.of(none.report("m", "calm")).toString().contains("NaN"));
  }
}
