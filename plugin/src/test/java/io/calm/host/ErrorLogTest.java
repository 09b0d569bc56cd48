package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class ErrorLogTest {
  private final AtomicLong clock = new AtomicLong(Long.MAX_VALUE - 5); // nanoTime may overflow
  private final List<String> lines = new ArrayList<>();
  private final ErrorLog log = new ErrorLog(clock::get, lines::add);

  private void add(int status, int times) {
    for (int i = 0; i < times; i++) {
      log.add(status, "GET /x");
    }
  }

  @Test
  void aFloodIsCountedInTheNextMinute() {
    add(404, ErrorLog.LINES + 3);
    add(429, ErrorLog.LINES + 2);
    assertEquals(2 * ErrorLog.LINES, lines.size());
    assertEquals("404 for GET /x", lines.get(0));
    assertEquals("429 for GET /x", lines.get(ErrorLog.LINES));
    lines.clear();

    clock.addAndGet(Duration.ofSeconds(59).toNanos());
    add(404, 1);
    assertEquals(List.of(), lines);

    clock.addAndGet(Duration.ofSeconds(1).toNanos());
    add(400, 1);
    assertEquals(
        List.of("more answers with errors: 4 times 404, 2 times 429", "400 for GET /x"), lines);
  }

  @Test
  void aMinuteWithoutAFloodHasNoCounts() {
    add(400, ErrorLog.LINES);
    clock.addAndGet(Duration.ofMinutes(2).toNanos());
    add(400, 1);
    assertEquals(ErrorLog.LINES + 1, lines.size());
  }
}
