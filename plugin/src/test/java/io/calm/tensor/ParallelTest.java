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
  void aFailureIsThrownAfterTheRangesThatRunBesideIt() throws Exception {
    CountDownLatch failing = new CountDownLatch(1);
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
                        running.incrementAndGet();
                        if (from == 0) {
                          failing.countDown();
                          running.decrementAndGet();
                          throw failure;
                        }
                        outlast(failing);
                        running.decrementAndGet();
                      }));
      assertSame(failure, thrown);
      assertEquals(0, running.get(), "ranges that still run");
    }
  }

  /** Runs on for some time after the failure. */
  private static void outlast(CountDownLatch failing) {
    try {
      failing.await(10, TimeUnit.SECONDS);
      Thread.sleep(100);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
