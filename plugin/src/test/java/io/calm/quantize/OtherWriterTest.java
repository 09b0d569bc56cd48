package io.calm.quantize;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactStore;
import io.calm.artifact.ArtifactWriter;
import io.calm.checkpoint.Checkpoint;
import io.calm.checkpoint.open.Checkpoints;
import io.calm.search.Progress;
import io.calm.settings.CalmSettings;
import io.calm.testing.Latches;
import io.calm.testing.Repository;
import io.calm.testing.TestSettings;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Loads of a model whose artifact another store of the same cache is writing. */
@Timeout(value = 120, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@SuppressWarnings("try") // a writer is held, not used
class OtherWriterTest {
  private static final Path TINY = Repository.path("models/calm-tiny-llama");

  @TempDir Path cache;

  private CalmSettings settings(String... keysAndValues) {
    Map<String, String> values = new HashMap<>();
    values.put("calm.cache-dir", cache.toString());
    values.put("calm.calibration.samples", "4");
    values.put("calm.calibration.length", "16");
    values.put("calm.search.guard", "false");
    values.put("calm.baseline", "off");
    return TestSettings.of(values, keysAndValues);
  }

  private ArtifactWriter otherWriter(CalmSettings settings) {
    try (Checkpoint checkpoint = Checkpoints.open(TINY)) {
      QuantizedModelStore model = new QuantizedModelStore(settings);
      ArtifactStore.Claim claim =
          new ArtifactStore(cache)
              .begin(model.key(checkpoint), checkpoint.spec(), model.layout(checkpoint), 1)
              .orElseThrow();
      return assertInstanceOf(ArtifactStore.Granted.class, claim).writer();
    }
  }

  /** A load on a thread of its own. */
  private static final class Load {
    final CountDownLatch waits = new CountDownLatch(1);
    final AtomicBoolean cancelled = new AtomicBoolean();
    final AtomicInteger reservations = new AtomicInteger();
    final CompletableFuture<Artifact> artifact;

    Load(CalmSettings settings, Consumer<Progress> progress) {
      artifact = CompletableFuture.supplyAsync(() -> get(settings, progress), Load::start);
    }

    private static void start(Runnable work) {
      new Thread(work, "load").start();
    }

    private Artifact get(CalmSettings settings, Consumer<Progress> progress) {
      try (Checkpoint checkpoint = Checkpoints.open(TINY)) {
        return new QuantizedModelStore(settings)
            .get(
                checkpoint,
                step -> {
                  if (step.phase().equals("waiting for another writer of this artifact")) {
                    waits.countDown();
                  }
                  if (cancelled.get()) {
                    throw new CancellationException();
                  }
                  progress.accept(step);
                },
                () -> {
                  reservations.incrementAndGet();
                  return reservations::decrementAndGet;
                });
      }
    }
  }

  private static Load load(CalmSettings settings) {
    return new Load(settings, step -> {});
  }

  @Test
  void aWaitHoldsNeitherTurnNorMemoryAndCanBeCancelled() throws Exception {
    CalmSettings settings = settings("calm.pool", "rtn,gptq");
    try (ArtifactWriter other = otherWriter(settings)) {
      Load load = load(settings);
      load.waits.await();
      assertFalse(SearchTurn.isTaken());
      assertEquals(0, load.reservations.get());

      Load another = load(settings("calm.pool", "rtn,gptq", "calm.group", "64"));
      another.artifact.join().close();
      assertFalse(load.artifact.isDone());

      load.cancelled.set(true);
      CompletionException ended =
          assertThrows(CompletionException.class, () -> load.artifact.join());
      assertInstanceOf(CancellationException.class, ended.getCause());
    }
  }

  @Test
  void anArtifactWhoseWriterFailsIsMadeByTheOneThatWaits() throws Exception {
    CalmSettings settings = settings("calm.pool", "rtn,gptq");
    Load load;
    try (ArtifactWriter other = otherWriter(settings)) {
      load = load(settings);
      load.waits.await();
    }
    load.artifact.join().close();
    assertEquals(0, load.reservations.get());
  }

  /** RTN takes no turn, so that two loads of one process meet at the lock. */
  @Test
  void anArtifactThatIsPublishedMeanwhileIsOpened() throws Exception {
    CalmSettings settings = settings("calm.algorithm", "rtn");
    CountDownLatch mayGoOn = new CountDownLatch(1);
    CountDownLatch writes = new CountDownLatch(1);
    Load first =
        new Load(
            settings,
            step -> {
              if (step.phase().equals("quantizing")) {
                writes.countDown();
                Latches.await(mayGoOn);
              }
            });
    writes.await();
    Load second = load(settings);
    second.waits.await();
    mayGoOn.countDown();
    try (Artifact made = first.artifact.join();
        Artifact found = second.artifact.join()) {
      assertEquals(made.directory(), found.directory());
      assertTrue(second.reservations.get() == 0);
    }
  }
}
