package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.calm.artifact.Artifact;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.compare.LatencyReport;
import io.calm.compare.LatencyReport.TwinState;
import io.calm.compare.ShadowShare;
import io.calm.compare.StepShape;
import io.calm.compare.TwinSource;
import io.calm.generate.Scheduler;
import io.calm.generate.SchedulerSettings;
import io.calm.kernels.NativeKernels;
import io.calm.quantize.QuantizedModelStore;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoder.Chunk;
import io.calm.runtime.Decoder.Wanted;
import io.calm.serving.model.LoadCancelledException;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.calm.settings.WeightMemory;
import io.calm.testing.TinyLlama;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The uniform twin of the tiny model, which is uniform itself and needs no search. */
class ModelTwinTest {
  private static final SchedulerSettings BUDGETS = new SchedulerSettings(256, 64, 4, 8, 256);

  @TempDir Path cache;

  private ModelLoader.Order order(Map<String, String> more) {
    Map<String, String> settings =
        new TreeMap<>(Map.of("calm.threads", "1", "calm.kv-budget-mb", "4"));
    settings.putAll(more);
    return TinyLlama.rounded(cache.resolve("calm"), settings);
  }

  private static ModelTwin twin(ModelLoader.Order order) {
    return twin(order, WeightMemory.MAPPED);
  }

  private static ModelTwin twin(ModelLoader.Order order, WeightMemory weights) {
    try (Checkpoint checkpoint = Checkpoints.open(TinyLlama.DIRECTORY);
        Artifact artifact =
            new QuantizedModelStore(order.settings()).get(checkpoint, progress -> {})) {
      return new ModelTwin(order, artifact, BUDGETS, weights);
    }
  }

  private static long promised() {
    return MemoryLedger.PROCESS.room().promised();
  }

  private static float[] logits(Decoder decoder) {
    Chunk chunk = new Chunk(new int[] {0}, 0, new int[] {1, 5, 9}, Wanted.LAST);
    return decoder.step(List.of(chunk)).get(0).get(0).values().clone();
  }

  @Test
  void aUniformPlanIsItsOwnTwinOpenedASecondTime() {
    ModelTwin twin = twin(order(Map.of()));
    LatencyReport.Twin described = twin.describe();
    assertEquals("uniform-rtn", described.variant());
    assertEquals("auto", described.setting());
    assertTrue(described.identical());
    assertEquals(TwinState.READY, described.state());

    long before = promised();
    try (TwinSource.Plans plans = twin.read();
        TwinSource.PairedDecoders decoders = plans.open(StepShape.PROBED, false, () -> {})) {
      assertTrue(promised() > before, "the memory of the decoders is reserved");
      assertArrayEquals(logits(decoders.served()), logits(decoders.uniform()));
    }
    assertEquals(before, promised());
  }

  @Test
  void copiesOfWeightsAreReservedOnlyUntilTheyAreWritten() throws Exception {
    long before = promised();
    long mapped;
    try (TwinSource.Plans plans = twin(order(Map.of())).read();
        TwinSource.PairedDecoders decoders = plans.open(StepShape.PROBED, false, () -> {})) {
      assertEquals(StepShape.blocks(StepShape.PROBED), decoders.served().blocks());
      mapped = promised() - before; // a uniform plan: both decoders read the loaded model's files
    }
    assertTrue(mapped > 0);
    ModelTwin twin = twin(order(Map.of()), WeightMemory.COPIED);
    try (TwinSource.Plans plans = twin.read();
        TwinSource.PairedDecoders decoders = plans.open(StepShape.PROBED, false, () -> {})) {
      assertEquals(StepShape.blocks(StepShape.PROBED), decoders.uniform().blocks());
      assertEquals(mapped, promised() - before);
    }
    assertEquals(before, promised());

    long reserved = promisedBy(schedule(twin(order(Map.of())), 0.1));
    assertEquals(reserved, promisedBy(schedule(twin, 0.1)));
  }

  /** A request must not wait for copies of gigabytes, nor for the second decoder. */
  @Test
  void plansOpenSeveralTimesAndAnOpeningCanBeEndedBeforeEachOfItsParts() {
    for (WeightMemory weights : List.of(WeightMemory.MAPPED, WeightMemory.COPIED)) {
      long before = promised();
      try (TwinSource.Plans plans = twin(order(Map.of()), weights).read()) {
        AtomicInteger parts = new AtomicInteger();
        plans.open(StepShape.PROBED, true, parts::incrementAndGet).close();
        assertTrue(parts.get() >= 2, "parts: " + parts);
        for (int end : List.of(1, 2, parts.get())) {
          AtomicInteger left = new AtomicInteger(end);
          Runnable ended =
              () -> {
                if (left.decrementAndGet() == 0) {
                  throw new CancellationException();
                }
              };
          assertThrows(
              CancellationException.class, () -> plans.open(StepShape.PROBED, true, ended));
          assertEquals(before, promised());
        }
        plans.open(StepShape.PROBED, false, () -> {}).close();
      }
    }
  }

  private static Scheduler schedule(ModelTwin twin, double share) {
    try (TwinSource.Stored stored = twin.make(() -> false)) {
      return stored.schedule(share, () -> {});
    }
  }

  @Test
  void aTwinThatIsOpenedForRequestsCanBeEndedAndLeavesNoReservation() {
    long before = promised();
    try (TwinSource.Stored stored = twin(order(Map.of()), WeightMemory.COPIED).make(() -> false)) {
      assertEquals(before, promised(), "nothing is reserved for files");
      Runnable ended =
          () -> {
            throw new CancellationException();
          };
      assertThrows(CancellationException.class, () -> stored.schedule(0.5, ended));
      assertEquals(before, promised());
    }
  }

  /** Returns what a running scheduler is promised, and ends it. */
  private static long promisedBy(Scheduler scheduler) throws InterruptedException {
    long with = promised();
    scheduler.close();
    assertTrue(scheduler.awaitClosed(Duration.ofSeconds(30)));
    return with - promised();
  }

  /** A search of minutes must not compete with requests, nor decode on the workers they use. */
  @Test
  void aTwinIsMadeAtTheLowestPriorityAndNotOnTheThreadThatOpensDecoders() throws Exception {
    ModelTwin twin = twin(order(Map.of("calm.baseline", "smoothquant")));
    assertEquals(TwinState.MISSING, twin.describe().state());
    int before = nice();
    AtomicReference<String> thread = new AtomicReference<>("");
    AtomicInteger lowered = new AtomicInteger();
    assertThrows(
        LoadCancelledException.class,
        () ->
            twin.make(
                () -> {
                  thread.set(Thread.currentThread().getName());
                  lowered.set(nice());
                  return true;
                }));
    assertEquals("calm-twin-m", thread.get());
    assertEquals(before, nice(), "of the thread that waits");
    assumeTrue(canLower(), "the native library");
    assertEquals(19, lowered.get());
  }

  private static boolean canLower() throws InterruptedException {
    AtomicBoolean lowered = new AtomicBoolean();
    Thread thread = new Thread(() -> lowered.set(NativeKernels.lowerPriority(1)));
    thread.start();
    thread.join();
    return lowered.get();
  }

  /** Returns the nice value of this thread. */
  private static int nice() {
    Path stat = Path.of("/proc/thread-self/stat");
    assumeTrue(Files.isReadable(stat), "Linux");
    try {
      String line = Files.readString(stat);
      String behindName = line.substring(line.lastIndexOf(')') + 2);
      return Integer.parseInt(behindName.split(" ", -1)[16]);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void theBaselineCanBeOff() {
    LatencyReport.Twin described = twin(order(Map.of("calm.baseline", "off"))).describe();
    assertEquals(TwinState.OFF, described.state());
    assertEquals("calm.baseline=off", described.reason());
  }

  @Test
  void decodersThatDoNotFitAreRefusedAndLeaveNoReservation() {
    ModelTwin twin = twin(order(Map.of()));
    MemoryEstimate all =
        new MemoryEstimate(List.of(new MemoryEstimate.Part("everything", 1L << 50, "wait")));
    MemoryLedger.MemoryReservation held = MemoryLedger.PROCESS.reserveUnchecked(all);
    try (TwinSource.Plans plans = twin.read()) {
      long before = promised();
      assertThrows(
          NotEnoughMemoryException.class, () -> plans.open(StepShape.PROBED, false, () -> {}));
      assertThrows(NotEnoughMemoryException.class, () -> schedule(twin, 0.5));
      assertEquals(before, promised());
    } finally {
      held.close();
    }
  }

  @Test
  void theMemoryOfATwinThatAnswersCountsUntilItIsClosed() throws Exception {
    ModelTwin twin = twin(order(Map.of()));
    long before = promised();
    Scheduler scheduler = schedule(twin, 0.1);
    assertTrue(promised() > before);
    assertEquals(7, scheduler.settings().blocks(), "a tenth of 64 blocks, rounded up");
    scheduler.close();
    assertTrue(scheduler.awaitClosed(Duration.ofSeconds(30)));
    assertEquals(before, promised());
  }

  @Test
  void aLoadedModelSharesItsRequestsAndUnloadsBothPlans() throws Exception {
    ModelLoader.Order order = order(Map.of("calm.compare.share", "0.5"));
    ServedModel model = ModelLoader.load(order, progress -> {});
    Scheduler scheduler;
    try {
      long start = System.nanoTime();
      Optional<ShadowShare.Twin> running = model.comparison().shadow().twin();
      while (running.isEmpty()) {
        assertTrue(System.nanoTime() - start < Duration.ofSeconds(60).toNanos());
        Thread.sleep(5);
        running = model.comparison().shadow().twin();
      }
      assertEquals("uniform-rtn", running.get().variant());
      assertEquals(0.5, model.latency().shadow().share());
      scheduler = running.get().scheduler();
    } finally {
      try (ModelRegistry registry = new ModelRegistry()) {
        registry.ready(model);
        registry.remove(model.name());
        registry.awaitUnloaded();
      }
    }
    assertTrue(scheduler.ended());
    assertTrue(model.scheduler().ended());
  }
}
