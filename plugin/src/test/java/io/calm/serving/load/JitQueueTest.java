package io.calm.serving.load;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongUnaryOperator;
import org.junit.jupiter.api.Test;

class JitQueueTest {
  private static final Duration SECOND = Duration.ofSeconds(1);

  /** Milliseconds on the clock of a test. */
  private final AtomicLong clock = new AtomicLong();

  /** Returns the milliseconds that the wait takes; each sleep takes {@code late} more than told. */
  private long waited(JitQueue.Compiler compiler, long late, Duration limit) throws Exception {
    long start = clock.get();
    JitQueue.awaitQuiet(
        compiler,
        time -> clock.addAndGet(time.toMillis() + late),
        () -> clock.get() * 1_000_000,
        limit);
    return clock.get() - start;
  }

  private static JitQueue.Compiler working(LongUnaryOperator work) {
    AtomicInteger looks = new AtomicInteger();
    return () -> new JitQueue.Look(work.applyAsLong(looks.getAndIncrement()), false);
  }

  @Test
  void anIdleCompilerIsWaitedForThreeLooks() throws Exception {
    assertEquals(30, waited(working(look -> 7), 0, SECOND));
  }

  @Test
  void theWaitEndsThreeLooksAfterTheLastCompilation() throws Exception {
    assertEquals(30 + 60, waited(working(look -> Math.min(6, look)), 0, SECOND));
  }

  /** One method of 200 ms: the total of finished compilations stands still meanwhile. */
  @Test
  void aMethodThatCompilesForLongIsWaitedFor() throws Exception {
    JitQueue.Compiler compiler =
        () -> new JitQueue.Look(clock.get() < 200 ? 7 : 207, clock.get() < 200);
    assertEquals(200 + 30, waited(compiler, 0, SECOND));
  }

  @Test
  void aCompilerThatNeverRestsIsWaitedForUntilTheLimit() throws Exception {
    assertEquals(1000, waited(working(look -> look), 0, SECOND));
    assertEquals(5, waited(working(look -> look), 0, Duration.ofMillis(5)));
    assertEquals(0, waited(working(look -> look), 0, Duration.ZERO));
  }

  /** On a busy machine a sleep of 10 ms takes 100: the limit is one of the clock. */
  @Test
  void theLimitIsOneOfTheClock() throws Exception {
    long waited = waited(working(look -> look), 90, SECOND);
    assertTrue(waited >= 1000 && waited < 1100, "waited %d ms".formatted(waited));
    assertEquals(100, waited(working(look -> 7), 90, SECOND), "quiet by the clock");
  }

  @Test
  void theCompilerOfThisJvmIsWaitedForWithinTheLimit() {
    assertTimeoutPreemptively(
        Duration.ofMinutes(1), () -> JitQueue.awaitQuiet(Duration.ofMillis(200)));
  }
}
