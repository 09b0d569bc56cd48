package io.calm.metrics;

import io.prometheus.client.Collector.MetricFamilySamples;
import io.prometheus.client.CounterMetricFamily;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/** The responses of the stand-alone server, by status. DJL Serving counts its own. Thread safe. */
public final class ResponseMeter {
  private final Map<Integer, LongAdder> counts = new ConcurrentHashMap<>();

  ResponseMeter() {}

  /**
   * Counts a response.
   *
   * @param status status code of HTTP, e.g. 429
   */
  public void count(int status) {
    counts.computeIfAbsent(status, code -> new LongAdder()).increment();
  }

  MetricFamilySamples collect() {
    CounterMetricFamily responses =
        new CounterMetricFamily(
            "calm_http_responses",
            "Responses of the stand-alone server, by HTTP status.",
            List.of("status"));
    new TreeMap<>(counts)
        .forEach(
            (status, count) ->
                responses.addMetric(List.of(Integer.toString(status)), (double) count.sum()));
    return responses;
  }
}
