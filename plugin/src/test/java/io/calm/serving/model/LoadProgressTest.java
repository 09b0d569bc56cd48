package io.calm.serving.model;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.calm.search.Progress;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class LoadProgressTest {
  @Test
  void theElapsedTimeIsThatOfTheLoadInEveryPhase() {
    AtomicLong clock = new AtomicLong(5_000_000_000L);
    LoadProgress load = new LoadProgress(clock::get);
    assertEquals(0, load.elapsedSeconds());
    load.accept(new Progress.Sampling(1, 2, "rtn", 3));
    clock.addAndGet(1_500_000_000L);
    assertEquals(1.5, load.elapsedSeconds());
    load.accept(new Progress.Step(Progress.Kind.CHECKING));
    clock.addAndGet(500_000_000L);
    assertEquals(2, load.elapsedSeconds());
  }
}
