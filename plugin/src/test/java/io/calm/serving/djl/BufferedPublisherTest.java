package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class BufferedPublisherTest {
  private final BufferedPublisher publisher = new BufferedPublisher();
  private final List<String> received = new CopyOnWriteArrayList<>();

  @Test
  void keepsWhatComesBeforeTheSubscriberInsteadOfWaitingForIt() {
    append("a", false);
    append("b", false);

    CompletableFuture<Void> done = publisher.subscribe(this::receive);
    assertEquals(List.of("a", "b"), received);
    assertFalse(done.isDone());

    append("c", true);
    assertEquals(List.of("a", "b", "c", "end"), received);
    assertTrue(done.isDone());
  }

  @Test
  void aStreamThatEndedBeforeTheSubscriptionIsDeliveredWhole() {
    append("a", true);

    assertTrue(publisher.subscribe(this::receive).isDone());
    assertEquals(List.of("a", "end"), received);
  }

  @Test
  void deliversInOrderWhateverThreadSubscribes() throws InterruptedException {
    int count = 2000;
    Thread writer =
        new Thread(
            () -> {
              for (int i = 0; i < count; i++) {
                append(Integer.toString(i), i == count - 1);
              }
            });
    writer.start();
    CompletableFuture<Void> done = publisher.subscribe(this::receive);
    writer.join();

    assertTrue(done.isDone());
    assertEquals(count + 1, received.size());
    for (int i = 0; i < count; i++) {
      assertEquals(Integer.toString(i), received.get(i));
    }
  }

  @Test
  void hasOneSubscriberAndNothingAfterTheLastChunk() {
    CompletableFuture<Void> done = publisher.subscribe(this::receive);
    assertThrows(IllegalStateException.class, () -> publisher.subscribe(this::receive));
    append("a", true);
    assertTrue(done.isDone());
    assertThrows(IllegalStateException.class, () -> append("b", false));
    assertEquals(List.of("a", "end"), received);
  }

  private void append(String text, boolean last) {
    publisher.appendContent(text.getBytes(StandardCharsets.UTF_8), last);
  }

  private void receive(byte @Nullable [] data) {
    received.add(data == null ? "end" : new String(data, StandardCharsets.UTF_8));
  }
}
