package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.LongSupplier;
import org.junit.jupiter.api.Test;

class JitQueueTest {
  private static final Duration SECOND = Duration.ofSeconds(1);

  /** Returns the milliseconds that the wait takes. */
  private static long waited(LongSupplier compiled, Duration limit) throws Exception {
    AtomicInteger millis = new AtomicInteger();
    JitQueue.awaitQuiet(compiled, time -> millis.addAndGet((int) time.toMillis()), limit);
    return millis.get();
  }

  @Test
  void aCompilerThatIsIdleIsWaitedForThreeLooks() throws Exception {
    assertEquals(30, waited(() -> 7, SECOND));
  }

  @Test
  void theWaitEndsThreeLooksAfterTheLastCompilation() throws Exception {
    AtomicInteger looks = new AtomicInteger();
    assertEquals(30 + 60, waited(() -> Math.min(6, looks.getAndIncrement()), SECOND));
  }

  @Test
  void aCompilerThatNeverRestsIsWaitedForUntilTheLimit() throws Exception {
    AtomicInteger looks = new AtomicInteger();
    assertEquals(1000, waited(looks::getAndIncrement, SECOND));
    assertEquals(0, waited(looks::getAndIncrement, Duration.ofMillis(5)));
  }

  @Test
  void theCompilerOfThisJvmIsWaitedForWithinTheLimit() {
    assertTimeoutPreemptively(
        Duration.ofMinutes(1), () -> JitQueue.awaitQuiet(Duration.ofMillis(200)));
  }
}
