package io.calm.serving.http;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class RequestWorkersTest {
  private final RequestWorkers workers = new RequestWorkers();
  private final CountDownLatch gate = new CountDownLatch(1);

  @AfterEach
  void stop() {
    gate.countDown();
    workers.close();
  }

  private void large(Runnable task) {
    workers.execute(new RequestWorkers.Sized(RequestWorkers.LARGE, task));
  }

  private void block() {
    try {
      gate.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void smallBodiesDoNotWaitForLargeOnes() throws Exception {
    for (int i = 0; i < 100; i++) {
      large(this::block);
    }
    CountDownLatch done = new CountDownLatch(2);
    workers.execute(new RequestWorkers.Sized(RequestWorkers.LARGE - 1, done::countDown));
    workers.execute(done::countDown);
    assertTrue(done.await(30, TimeUnit.SECONDS));
  }

  @Test
  void largeBodiesTakeTurns() throws Exception {
    AtomicInteger running = new AtomicInteger();
    AtomicInteger max = new AtomicInteger();
    CountDownLatch done = new CountDownLatch(50);
    for (int i = 0; i < 50; i++) {
      large(
          () -> {
            max.accumulateAndGet(running.incrementAndGet(), Math::max);
            LockSupport.parkNanos(10_000);
            running.decrementAndGet();
            done.countDown();
          });
    }
    assertTrue(done.await(30, TimeUnit.SECONDS));
    assertEquals(1, max.get());
  }

  @Test
  void tooManyAreRefused() {
    assertThrows(
        RejectedExecutionException.class,
        () -> {
          for (int i = 0; i < 1000; i++) {
            large(this::block);
          }
        });
  }
}
