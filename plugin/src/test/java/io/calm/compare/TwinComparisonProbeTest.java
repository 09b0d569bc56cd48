package io.calm.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.calm.compare.LatencyReport.ProbeState;
import io.calm.compare.LatencyReport.TwinState;
import io.calm.kernels.BuildInfo;
import io.calm.kernels.MachineInfo;
import io.calm.runtime.Decoder;
import io.calm.testing.JsonFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntSupplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The probe of a comparison: when it runs, when it stops, what is kept. */
class TwinComparisonProbeTest extends TwinComparisonFixture {
  /** Number of the step at which a request arrives. */
  private final AtomicInteger stopAt = new AtomicInteger(-1);

  @Test
  void anIdleModelIsProbedByItselfAndTheResultIsLoadedAtTheNextStart() throws Exception {
    FakeTwin first = new FakeTwin();
    first.openings = 4;
    LatencyReport.Probe done = await(start(first, true, 0, MACHINE), ProbeState.DONE);
    assertEquals(StepShape.PROBED.size(), done.rows().size());
    for (ProbeRow row : done.rows()) {
      assertEquals(1, row.deviation().percent(), 1e-9);
    }
    assertEquals(0, first.open.get(), "decoders that are still open");

    FakeTwin second = new FakeTwin();
    second.openings = 4;
    LatencyReport.Probe loaded = start(second, true, 0, MACHINE).report("m", "calm").probe();
    assertEquals(done, loaded);
    Thread.sleep(200);
    assertEquals(0, second.opened.get());
  }

  @Test
  void aResultSaysWhichBuildMeasuredIt() throws Exception {
    LatencyReport.Probe done = await(start(new FakeTwin(), true, 0, MACHINE), ProbeState.DONE);
    assertEquals(BuildInfo.current().commit(), done.build().orElseThrow().commit());

    Path file;
    try (Stream<Path> files = Files.list(cache.resolve("latency"))) {
      file = files.toList().get(0);
    }
    JsonObject stored = JsonFile.object(file);
    String another = "ab".repeat(20);
    assertEquals(another, commit(file, stored, another), "not that of this process");
    assertEquals("unknown", commit(file, stored, null), "of an earlier version");
  }

  /** Returns the commit that is shown for a stored result with {@code commit}. */
  private String commit(Path file, JsonObject stored, @Nullable String commit) throws Exception {
    stored.remove("commit");
    if (commit != null) {
      stored.addProperty("commit", commit);
    }
    Files.delete(file); // it is read-only
    Files.writeString(file, stored.toString());
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("r--r--r--"));
    TwinComparison next = start(new FakeTwin(), false, 0, MACHINE);
    return LatencyJson.of(next.report("m", "calm"))
        .getAsJsonObject("probe")
        .getAsJsonObject("build")
        .get("commit")
        .getAsString();
  }

  @Test
  void anotherMachineIsProbedAgain() throws Exception {
    await(start(new FakeTwin(), true, 0, MACHINE), ProbeState.DONE);
    MachineInfo other = new MachineInfo("another", 2, "avx2", "Linux", "amd64", 1L << 34, "a JVM");
    FakeTwin baseline = new FakeTwin();
    await(start(baseline, true, 0, other), ProbeState.DONE);
    assertEquals(1, baseline.opened.get());
  }

  /** A kernel update or a balloon driver changes the memory of a machine by some pages. */
  @Test
  void theSameMachineWithSomePagesLessIsNotProbedAgain() throws Exception {
    LatencyReport.Probe done = await(start(openedFourTimes(0), true, 0, MACHINE), ProbeState.DONE);
    MachineInfo updated =
        new MachineInfo("a processor", 2, "avx2", "Linux", "amd64", (1L << 34) - 4096, "a JVM");
    FakeTwin baseline = new FakeTwin();
    assertEquals(done, start(baseline, true, 0, updated).report("m", "calm").probe());
    Thread.sleep(200);
    assertEquals(0, baseline.opened.get());
  }

  @Test
  void aResultWithAWideIntervalIsShownAndMeasuredAgainAtTheNextStart() throws Exception {
    FakeTwin noisy = openedFourTimes(20);
    LatencyReport.Probe wide = await(start(noisy, true, 0, MACHINE), ProbeState.DONE);
    assertTrue(wide.rows().stream().anyMatch(row -> row.deviation().halfWidth() > 0.3));

    FakeTwin baseline = openedFourTimes(0);
    TwinComparison comparison = start(baseline, true, 0, MACHINE);
    assertEquals(StepShape.PROBED.size(), comparison.rows().size());
    LatencyReport.Probe done = await(comparison, ProbeState.DONE);
    assertEquals(4, baseline.opened.get());
    assertEquals(0, done.rows().get(0).deviation().halfWidth(), 1e-9);
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
    TwinComparison comparison = start(baseline, true, 0, MACHINE);
    comparison.requestProbe();
    Thread.sleep(300);
    assertEquals(0, baseline.opened.get());
    assertEquals(ProbeState.WAITING, comparison.report("m", "calm").probe().state());
  }

  @Test
  void aRequestStopsTheProbeWhichContinuesWhenTheModelIsIdle() throws Exception {
    FakeTwin baseline = busyAtStep(() -> 300); // in the second kind of step
    TwinComparison comparison = start(baseline, true, 0, MACHINE);
    LatencyReport.Probe stopped = await(comparison, ProbeState.STOPPED);
    assertEquals(300, baseline.steps.get(), "steps after the request");
    assertEquals(0, baseline.open.get(), "decoders that are still open");
    assertEquals(1, stopped.rows().size());
    assertEquals(baseline.clock.get() / 1e9, stopped.seconds(), 1e-12);
    assertEquals(
        "a request or a search needed the processor; it continues after 1 s without them",
        stopped.reason());

    busy.set(false);
    LatencyReport.Probe done = await(comparison, ProbeState.DONE);
    assertEquals(stopped.rows().get(0), done.rows().get(0));
    assertEquals(baseline.clock.get() / 1e9, done.seconds(), 1e-12, "both parts of the run");
    assertEquals(StepShape.PROBED.size(), done.rows().size());
  }

  /** With {@code calm.compare.probe=off} no run would ever be complete on a model with requests. */
  @Test
  void aProbeThatWasAskedForAndStoppedIsContinuedByTheNextRequestForOne() throws Exception {
    FakeTwin baseline = busyAtStep(() -> 300); // in the second kind of step
    TwinComparison comparison = start(baseline, false, 0, MACHINE);
    comparison.requestProbe();
    LatencyReport.Probe stopped = await(comparison, ProbeState.STOPPED);
    assertEquals(1, stopped.rows().size());
    assertEquals(
        "a request or a search needed the processor; POST /calm/models/m/latency continues it",
        stopped.reason());

    busy.set(false);
    Thread.sleep(300);
    assertEquals(stopped, comparison.report("m", "calm").probe(), "not by itself");

    comparison.requestProbe();
    LatencyReport.Probe done = await(comparison, ProbeState.DONE);
    assertEquals(stopped.rows().get(0), done.rows().get(0), "measured before the stop");
    assertEquals(baseline.clock.get() / 1e9, done.seconds(), 1e-12, "both parts of the run");
    assertEquals(2, baseline.opened.get());

    comparison.requestProbe(); // of a complete measurement: anew
    awaitOpened(baseline, 3);
  }

  /** Returns a twin in whose step of that number a request arrives. */
  private FakeTwin busyAtStep(IntSupplier number) {
    return new FakeTwin() {
      @Override
      void stepped() {
        if (steps.get() == number.getAsInt()) {
          busy.set(true);
        }
      }
    };
  }

  private static void awaitOpened(FakeTwin baseline, int count) throws InterruptedException {
    for (int i = 0; i < 6000 && baseline.opened.get() < count; i++) {
      Thread.sleep(10);
    }
    assertEquals(count, baseline.opened.get());
  }

  /** {@code finished} is the time of what the rows show, not of an earlier measurement. */
  @Test
  void aProbeIsFinishedOnlyIfAllOfItsRowsAreOfACompleteMeasurement() throws Exception {
    FakeTwin baseline = busyAtStep(stopAt::get);
    TwinComparison comparison = start(baseline, false, 0, MACHINE);
    comparison.requestProbe();
    LatencyReport.Probe done = await(comparison, ProbeState.DONE);
    assertTrue(finished(comparison).isJsonPrimitive());
    int whole = baseline.steps.get();

    stopAt.set(whole + 10); // in the first kind of step: all rows are still the finished ones
    comparison.requestProbe();
    LatencyReport.Probe unchanged = await(comparison, ProbeState.STOPPED);
    assertEquals(done.rows(), unchanged.rows());
    assertEquals(done.finished(), unchanged.finished());
    assertEquals(done.seconds(), unchanged.seconds());

    stopAt.set(baseline.steps.get() + 300); // in the second kind of step
    baseline.wide = true;
    busy.set(false);
    comparison.requestProbe();
    LatencyReport.Probe partial = awaitChange(comparison, unchanged);
    assertNotEquals(done.rows(), partial.rows());
    assertTrue(finished(comparison).isJsonNull(), "rows of two measurements");
    assertTrue(partial.seconds() > 0);

    busy.set(false);
    comparison.requestProbe();
    LatencyReport.Probe second = await(comparison, ProbeState.DONE);
    assertTrue(second.finished().orElseThrow().isAfter(done.finished().orElseThrow()));
  }

  private static LatencyReport.Probe awaitChange(
      TwinComparison comparison, LatencyReport.Probe before) throws InterruptedException {
    LatencyReport.Probe now = await(comparison, ProbeState.STOPPED);
    for (int i = 0; i < 6000 && now.rows().equals(before.rows()); i++) {
      Thread.sleep(10);
      now = await(comparison, ProbeState.STOPPED);
    }
    return now;
  }

  private static JsonElement finished(TwinComparison comparison) {
    return LatencyJson.of(comparison.report("m", "calm")).getAsJsonObject("probe").get("finished");
  }

  @Test
  void theIntervalCoversWhereTheMemoryOfAnOpeningLies() throws Exception {
    FakeTwin baseline = openedFourTimes(20);
    LatencyReport.Probe done = await(start(baseline, true, 0, MACHINE), ProbeState.DONE);
    assertEquals(List.of(false, true, false, true), baseline.orders);
    for (ProbeRow row : done.rows()) {
      assertEquals(4, row.openings());
      assertEquals(4 * 4 * 20, row.steps());
      assertEquals(1, row.deviation().percent(), 1e-9);
      // -1, -1, 3, 3 % in two orders of opening: squares 16, two degrees of freedom, t = 4.303.
      assertEquals(4.303 * Math.sqrt(16 / 4.0 / 2), row.deviation().halfWidth(), 1e-9);
    }
  }

  /** Returns a twin whose memory adds or saves time, whichever plan is opened first. */
  private static FakeTwin openedFourTimes(int placed) {
    FakeTwin baseline =
        new FakeTwin() {
          @Override
          int placement() {
            return opened.get() > 2 ? placed : -placed;
          }
        };
    baseline.openings = 4;
    return baseline;
  }

  /** The bootstrap over the rounds of one opening would be a narrow interval around a bias. */
  @Test
  void aRowOfOneOpeningHasNoIntervalAndIsReadBackSo() throws Exception {
    LatencyReport.Probe done = await(start(new FakeTwin(), true, 0, MACHINE), ProbeState.DONE);
    for (ProbeRow row : done.rows()) {
      assertEquals(1, row.deviation().percent(), 1e-9);
      assertFalse(row.deviation().hasInterval());
    }
    TwinComparison next = start(new FakeTwin(), false, 0, MACHINE);
    assertEquals(done.rows(), next.rows());
    JsonObject row =
        LatencyJson.of(next.report("m", "calm"))
            .getAsJsonObject("probe")
            .getAsJsonArray("rows")
            .get(0)
            .getAsJsonObject();
    assertTrue(row.get("low_percent").isJsonNull());
    assertTrue(row.get("high_percent").isJsonNull());
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
    TwinComparison comparison = start(baseline, true, 0, MACHINE);
    LatencyReport.Probe stopped = await(comparison, ProbeState.STOPPED);
    assertEquals(StepShape.PROBED.size(), stopped.rows().size());
    assertEquals(1, stopped.rows().get(0).openings());

    busy.set(false);
    LatencyReport.Probe done = await(comparison, ProbeState.DONE);
    assertEquals(4, baseline.opened.get(), "the second opening is repeated");
    assertEquals(List.of(false, true, true, false), baseline.orders);
    done.rows().forEach(row -> assertEquals(3, row.openings()));
  }

  /** Reading verifies gigabytes, which a probe must not repeat beside the next request. */
  @Test
  void bothPlansAreReadOnceForAllOpeningsAndPartsOfARun() throws Exception {
    FakeTwin baseline = busyAtStep(() -> 300);
    baseline.openings = 4;
    TwinComparison comparison = start(baseline, true, 0, MACHINE);
    await(comparison, ProbeState.STOPPED);
    assertEquals(1, baseline.openPlans.get(), "kept for the next part");
    busy.set(false);
    await(comparison, ProbeState.DONE);
    assertEquals(5, baseline.opened.get());
    assertEquals(1, baseline.read.get());
    assertEquals(0, baseline.openPlans.get(), "closed at the end");
  }

  @Test
  void aModelThatIsUnloadedClosesThePlansOfAStoppedRun() throws Exception {
    FakeTwin baseline = busyAtStep(() -> 300);
    TwinComparison comparison = start(baseline, true, 0, MACHINE);
    await(comparison, ProbeState.STOPPED);
    comparison.close();
    assertTrue(comparison.awaitClosed(Duration.ofSeconds(60)));
    assertEquals(0, baseline.openPlans.get());
  }

  @Test
  void aRequestStopsTheOpeningOfThePlans() throws Exception {
    FakeTwin baseline =
        new FakeTwin() {
          @Override
          public Plans read() {
            Plans plans = super.read();
            return new Plans() {
              @Override
              public PairedDecoders open(
                  List<StepShape> shapes, boolean uniformFirst, Runnable pause) {
                busy.set(true);
                return plans.open(shapes, uniformFirst, pause);
              }

              @Override
              public void close() {
                plans.close();
              }
            };
          }
        };
    LatencyReport.Probe stopped = await(start(baseline, true, 0, MACHINE), ProbeState.STOPPED);
    assertTrue(stopped.reason().startsWith("a request or a search needed"), stopped.reason());
    assertEquals(0, baseline.opened.get());
  }

  @Test
  void aFailureClosesThePlans() throws Exception {
    FakeTwin baseline =
        new FakeTwin() {
          @Override
          void stepped() {
            throw new IllegalStateException("the artifact was cut short");
          }
        };
    LatencyReport.Probe stopped = await(start(baseline, true, 0, MACHINE), ProbeState.STOPPED);
    assertEquals("the artifact was cut short", stopped.reason());
    assertEquals(0, baseline.openPlans.get());
  }

  @Test
  void aMissingTwinIsMadeOnlyOnRequest() throws Exception {
    FakeTwin baseline = new FakeTwin();
    baseline.state = TwinState.MISSING;
    TwinComparison comparison = start(baseline, true, 0, MACHINE);
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
    List<TwinComparison> all = new ArrayList<>();
    for (int i = 0; i < 2; i++) {
      all.add(
          start(
              new FakeTwin() {
                @Override
                PairedDecoders open(List<StepShape> shapes, boolean uniformFirst) {
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
    for (TwinComparison comparison : all) {
      await(comparison, ProbeState.DONE);
    }
    assertEquals(1, most.get());
  }

  @Test
  void theLastRequestsOfAModelThatIsUnloadedStopTheProbesOfOthers() throws Exception {
    busy.set(true);
    TwinComparison unloading = start(new FakeTwin(), false, 0, MACHINE);
    unloading.drain();
    FakeTwin baseline = new FakeTwin();
    TwinComparison comparison = start(baseline, false, 0, MACHINE, () -> false);
    comparison.requestProbe();
    Thread.sleep(500);
    assertEquals(0, baseline.opened.get());
    assertEquals(ProbeState.WAITING, comparison.report("m", "calm").probe().state());
    assertTrue(unloading.awaitClosed(Duration.ZERO)); // its requests have ended
    await(comparison, ProbeState.DONE);
  }

  @Test
  void memoryThatIsNotThereIsAStateAndNoFailureOfTheModel() throws Exception {
    FakeTwin baseline =
        new FakeTwin() {
          @Override
          PairedDecoders open(List<StepShape> shapes, boolean uniformFirst) {
            throw new IllegalStateException("memory: 12 MiB needed");
          }
        };
    LatencyReport.Probe probe = await(start(baseline, true, 0, MACHINE), ProbeState.STOPPED);
    assertEquals("memory: 12 MiB needed", probe.reason());
  }
}
