package io.calm.serving.djl;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.metric.Metric;
import ai.djl.metric.Unit;
import io.calm.generate.SchedulerStats;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** LMI's names, units and dimension, as RollingBatch.java of DJL Serving 0.36 has them. */
class LmiMetricsTest {
  private final List<Metric> logged = new ArrayList<>();
  private SchedulerStats stats = stats(0, 0);
  private final LmiMetrics metrics = new LmiMetrics("m", () -> stats, 4, logged::add);

  private static SchedulerStats stats(long steps, long sequences) {
    return new SchedulerStats(0, 0, 0, 0, 0, 0, 0, 0, 0, steps, 0, sequences, 0, 0);
  }

  private Metric logged(String name) {
    List<Metric> found =
        logged.stream().filter(metric -> metric.getMetricName().equals(name)).toList();
    assertEquals(1, found.size(), () -> name + " in " + logged);
    return found.get(0);
  }

  @Test
  void logsMedianAndNinetiethPercentileOfEveryFourAnswers() {
    for (int tokens = 1; tokens <= 5; tokens++) { // DJL logs four values when the fifth comes
      assertTrue(logged.isEmpty(), logged::toString);
      metrics.finished("length", tokens, Duration.ofMillis(10));
    }
    assertEquals(6, logged.size(), logged::toString);
    assertEquals(Unit.MICROSECONDS, logged("TokenLatency_p50").getUnit());
    assertEquals(5000, logged("TokenLatency_p50").getValue());
    assertEquals(10_000, logged("TokenLatency_p90").getValue());
    assertEquals(Unit.COUNT_PER_SECOND, logged("TokenThroughput_p50").getUnit());
    assertEquals(300, logged("TokenThroughput_p50").getValue(), 1e-6);
    assertEquals(400, logged("TokenThroughput_p90").getValue(), 1e-6);
    assertEquals(Unit.COUNT_PER_ITEM, logged("OutputTokens_p50").getUnit());
    assertEquals(3, logged("OutputTokens_p50").getValue());
    assertEquals("Model", logged("OutputTokens_p90").getDimensions()[0].getName());
    assertEquals("m", logged("OutputTokens_p90").getDimensions()[0].getValue());
  }

  @Test
  void theBatchSizeIsThatOfEachStepOnce() {
    for (int step = 1; step <= 5; step++) {
      stats = stats(step, 5L * step);
      for (int sequence = 0; sequence < 5; sequence++) {
        metrics.token();
      }
    }
    assertEquals(2, logged.size(), logged::toString);
    assertEquals(5, logged("RollingBatchSize_p50").getValue());
    assertEquals(Unit.COUNT_PER_ITEM, logged("RollingBatchSize_p90").getUnit());
  }

  @Test
  void aNewSchedulerIsMeasuredFromItsFirstStep() {
    stats = stats(100_000, 100_000);
    metrics.token();
    for (int step = 1; step <= 4; step++) { // the search is done: the counts start again
      stats = stats(step, 3L * step);
      metrics.token();
    }
    assertEquals(3, logged("RollingBatchSize_p50").getValue());
  }

  @ParameterizedTest
  @ValueSource(strings = {"error", "cancelled", "deadline"})
  void whatHasNoAnswerIsNotMeasured(String outcome) {
    for (int i = 0; i < 8; i++) {
      metrics.finished(outcome, 3, Duration.ofMillis(10));
      metrics.finished("length", 0, Duration.ofMillis(10));
    }
    assertEquals(List.of(), logged);
  }

  @Test
  void itsKeysAreThoseOfLmi() {
    assertEquals(Optional.empty(), LmiMetrics.aggregation(Map.of()));
    assertEquals(Optional.empty(), LmiMetrics.aggregation(Map.of("log_request_metric", "false")));
    assertEquals(
        Optional.of(1000), LmiMetrics.aggregation(Map.of("option.log_request_metric", "true")));
    assertEquals(
        Optional.of(10),
        LmiMetrics.aggregation(Map.of("log_request_metric", "true", "metrics_aggregation", " 10")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "-1", "ten", "1000001", ""})
  void aBadAggregationIsRefusedByName(String value) {
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    LmiMetrics.aggregation(
                        Map.of("log_request_metric", "true", "metrics_aggregation", value)))
            .getMessage();
    assertTrue(message.startsWith("metrics_aggregation: expected a whole number"), message);
  }
}
