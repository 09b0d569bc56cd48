package io.calm.checkpoint.storage;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

/** The owner of a value closes it once, and none is built that it does not know of. */
class LazyTest {
  private final AtomicInteger built = new AtomicInteger();
  private final Lazy<Integer> lazy = new Lazy<>(built::incrementAndGet);

  @Test
  void aValueIsBuiltOnceAndHandedOverAtTheEnd() {
    assertEquals(1, lazy.get());
    assertEquals(1, lazy.get());
    assertEquals(Optional.of(1), lazy.close());
    assertEquals(Optional.empty(), lazy.close());
  }

  /** A thread that had found its checkpoint open built a tokenizer that nothing closed. */
  @Test
  void nothingIsBuiltAfterTheEnd() {
    assertEquals(Optional.empty(), lazy.close());
    assertThrows(IllegalStateException.class, lazy::get);
    assertEquals(0, built.get());
  }

  @Test
  void aFailureIsTriedAgain() {
    Lazy<Integer> failing =
        new Lazy<>(
            () -> {
              if (built.incrementAndGet() == 1) {
                throw new IllegalArgumentException("not yet");
              }
              return built.get();
            });
    assertThrows(IllegalArgumentException.class, failing::get);
    assertEquals(2, failing.get());
  }
}
