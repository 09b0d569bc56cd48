package io.calm.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class LoadMeterTest {
  private static final long SECOND = 1_000_000_000L;

  private final AtomicLong now = new AtomicLong(7 * SECOND);
  private final LoadMeters meters = new LoadMeters(now::get);
  private final LoadMeter meter = meters.of("m");

  @Test
  void chargesTimeToThePhaseThatWasReportedLast() {
    meter.report("opening", 0);
    now.addAndGet(2 * SECOND);
    meter.report("searching", 1);
    now.addAndGet(3 * SECOND);
    meter.report("searching", 4);
    now.addAndGet(SECOND);
    LoadMeter.Totals running = meter.totals();
    assertEquals(Optional.of("searching"), running.phase());
    assertEquals(Map.of("opening", 2.0, "searching", 4.0), running.seconds());
    assertEquals(4, running.evaluations());
    meter.end();
    now.addAndGet(100 * SECOND);
    assertEquals(new LoadMeter.Totals(Optional.empty(), running.seconds(), 4), meter.totals());
  }

  @Test
  void aSecondLoadAddsToTheFirst() {
    meter.report("searching", 5);
    meter.end();
    meter.report("searching", 2);
    now.addAndGet(SECOND);
    meter.report("guard", 2);
    meter.end();
    assertEquals(7, meter.totals().evaluations());
    assertEquals(Map.of("searching", 1.0, "guard", 0.0), meter.totals().seconds());
  }

  @Test
  void theSeriesEndWithTheModel() {
    meter.report("searching", 5);
    ModelState loading = new ModelState("m", "", false, Optional.empty(), Optional.empty());
    assertEquals(1, samples(List.of(loading)));
    assertEquals(0, samples(List.of()));
    meters.of("m");
    assertEquals(0.0, meters.collect(List.of(loading)).get(0).samples.get(0).value);
  }

  private int samples(List<ModelState> models) {
    return meters.collect(models).get(0).samples.size();
  }
}
