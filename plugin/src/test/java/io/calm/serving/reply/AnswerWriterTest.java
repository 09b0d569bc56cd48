package io.calm.serving.reply;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;

class AnswerWriterTest {
  /** Otherwise a stream would never end, nor give back its budget. */
  @Test
  void aTaskRunsHereIfTheThreadCannotBeStarted() throws Exception {
    AtomicBoolean full = new AtomicBoolean(true);
    AnswerWriter writer =
        new AnswerWriter(
            work -> {
              if (full.get()) {
                throw new OutOfMemoryError("unable to create native thread");
              }
              Thread thread = new Thread(work, "writer");
              thread.setDaemon(true);
              return thread;
            });
    List<Integer> order = new CopyOnWriteArrayList<>();
    String here = Thread.currentThread().getName();
    for (int i = 0; i < 3; i++) {
      int number = i;
      writer.execute(
          () -> {
            order.add(number);
            assertEquals(here, Thread.currentThread().getName());
          });
    }
    assertEquals(List.of(0, 1, 2), order);

    full.set(false);
    CountDownLatch done = new CountDownLatch(1);
    for (int i = 3; i < 6; i++) {
      int number = i;
      writer.execute(() -> order.add(number));
    }
    List<String> thread = new CopyOnWriteArrayList<>();
    writer.execute(
        () -> {
          thread.add(Thread.currentThread().getName());
          done.countDown();
        });
    assertTrue(done.await(60, TimeUnit.SECONDS));
    assertEquals(List.of(0, 1, 2, 3, 4, 5), order);
    assertNotEquals(here, thread.get(0));
  }
}
