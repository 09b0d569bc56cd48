package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

final class DedicatedThreadTest {
  /** Waits as a task does that no interruption stops. */
  private static final class Uninterrupted {
    static void await(CountDownLatch latch) {
      boolean over = false;
      while (!over) {
        try {
          latch.await();
          over = true;
        } catch (InterruptedException e) {
          over = latch.getCount() == 0;
        }
      }
    }
  }

  private interface Quiet extends AutoCloseable {
    @Override
    void close();
  }

  @Test
  void theCallerGetsWhatTheTaskReturns() throws InterruptedException {
    assertEquals("done", DedicatedThread.call("own", () -> "done"));
  }

  @Test
  void theCallerGetsWhatTheTaskThrows() {
    IllegalArgumentException thrown =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                DedicatedThread.call(
                    "own",
                    () -> {
                      throw new IllegalArgumentException("no such file");
                    }));
    assertEquals("no such file", thrown.getMessage());
  }

  @Test
  void whatComesAfterItsCallerHasGoneIsClosed() throws InterruptedException {
    CountDownLatch gone = new CountDownLatch(1);
    CountDownLatch closed = new CountDownLatch(1);
    Quiet late = closed::countDown;
    Thread.currentThread().interrupt();
    assertThrows(
        InterruptedException.class,
        () ->
            DedicatedThread.call(
                "own",
                () -> {
                  Uninterrupted.await(gone);
                  return late;
                }));
    gone.countDown();
    assertTrue(closed.await(30, TimeUnit.SECONDS), "the late result was not closed");
  }
}
