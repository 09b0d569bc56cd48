package io.calm.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** Ranges cover every index once, and none runs after the call. */
class ParallelTest {
  @Test
  void everyIndexIsRunOnce() {
    try (Parallel parallel = new Parallel(3)) {
      for (int count : new int[] {0, 1, 2, 7, 1000}) {
        AtomicInteger runs = new AtomicInteger();
        parallel.ranges(count, (from, to) -> runs.addAndGet(to - from));
        assertEquals(count, runs.get());
      }
    }
  }

  /** The caller may free the memory that the ranges use, so none may still run. */
  @Test
  void aFailureIsThrownAfterTheRangesThatRunBesideIt() {
    CountDownLatch beside = new CountDownLatch(1);
    AtomicInteger started = new AtomicInteger();
    AtomicInteger running = new AtomicInteger();
    OutOfMemoryError failure = new OutOfMemoryError("of the test");
    try (Parallel parallel = new Parallel(4)) {
      OutOfMemoryError thrown =
          assertThrows(
              OutOfMemoryError.class,
              () ->
                  parallel.ranges(
                      1000,
                      (from, to) -> {
                        if (started.getAndIncrement() == 0) {
                          await(beside);
                          throw failure;
                        }
                        running.incrementAndGet();
                        beside.countDown();
                        await(new CountDownLatch(1), 100); // runs on after the failure
                        running.decrementAndGet();
                      }));
      assertSame(failure, thrown);
      assertEquals(0, running.get(), "ranges that still run");
    }
  }

  private static void await(CountDownLatch latch) {
    await(latch, 10_000);
  }

  private static void await(CountDownLatch latch, long millis) {
    try {
      boolean unused = latch.await(millis, TimeUnit.MILLISECONDS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
