package io.calm.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class WorkerPoolTest {
  private static List<Thread> workers() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().startsWith("calm-worker-"))
        .toList();
  }

  @Test
  void everyItemRunsOnceByWorkersThatAreNotShared() {
    try (WorkerPool pool = new WorkerPool(3)) {
      AtomicIntegerArray busy = new AtomicIntegerArray(3);
      for (int round = 0; round < 2000; round++) {
        int items = round % 17;
        AtomicIntegerArray runs = new AtomicIntegerArray(17);
        pool.run(
            items,
            (item, worker) -> {
              assertEquals(1, busy.incrementAndGet(worker), "two at once as worker " + worker);
              runs.incrementAndGet(item);
              busy.decrementAndGet(worker);
            });
        for (int item = 0; item < 17; item++) {
          assertEquals(item < items ? 1 : 0, runs.get(item), "round " + round);
        }
      }
    }
  }

  @Test
  void anExceptionReachesTheCallerAfterTheOtherItemsAndThePoolGoesOn() {
    try (WorkerPool pool = new WorkerPool(2)) {
      IllegalStateException thrown = new IllegalStateException("item 3");
      AtomicIntegerArray runs = new AtomicIntegerArray(10);
      WorkerPool.Task task =
          (item, worker) -> {
            runs.incrementAndGet(item);
            if (item == 3) {
              throw thrown;
            }
          };
      assertSame(thrown, assertThrows(IllegalStateException.class, () -> pool.run(10, task)));
      for (int item = 0; item < 10; item++) {
        assertEquals(1, runs.get(item));
      }
      pool.run(10, (item, worker) -> runs.incrementAndGet(item));
      assertEquals(2, runs.get(9));
    }
  }

  @Test
  void idleWorkersAreParkedAndCloseEndsThem() throws InterruptedException {
    List<Thread> before = workers();
    WorkerPool pool = new WorkerPool(3);
    pool.run(3, (item, worker) -> {});
    List<Thread> ours = workers().stream().filter(thread -> !before.contains(thread)).toList();
    assertEquals(2, ours.size());
    for (Thread thread : ours) {
      while (thread.getState() != Thread.State.WAITING) {
        Thread.sleep(1);
      }
      assertTrue(thread.isDaemon());
    }
    pool.close();
    for (Thread thread : ours) {
      thread.join();
      assertFalse(thread.isAlive());
    }
  }

  @Test
  void refusesToHaveNoThread() {
    assertThrows(IllegalArgumentException.class, () -> new WorkerPool(0));
  }
}
