package io.calm.metrics;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

class PromQlTest {
  @Test
  void findsMetricsAndNothingElse() {
    PromQl query =
        PromQl.parse(
            "histogram_quantile(0.99, sum by (le, model) (rate(a_bucket{model=~\"$m|b\"}[5m])))"
                + " > 1e3 and on (job) (b unless c{x!='(y)', z=\"{q}\"} offset 1h) or vector(NaN)");
    assertEquals(
        Map.of("a_bucket", Set.of("model"), "b", Set.of(), "c", Set.of("x", "z")), query.metrics());
    assertEquals(Set.of("le", "model", "job"), query.grouped());
  }

  @Test
  void anAggregationMayBeGroupedBehindItsArguments() {
    PromQl query = PromQl.parse("sum(rate(a[$__rate_interval])) by (x) / ignoring(y) group_left b");
    assertEquals(Set.of("a", "b"), query.metrics().keySet());
    assertEquals(Set.of("x", "y"), query.grouped());
  }

  @Test
  void aMetricMayBeNamedAsAFunctionIs() {
    assertEquals(Set.of("rate"), PromQl.parse("rate > 1").metrics().keySet());
  }

  @Test
  void refusesWhatItCannotRead() {
    assertThrows(IllegalArgumentException.class, () -> PromQl.parse("a ? b"));
    assertThrows(IllegalArgumentException.class, () -> PromQl.parse("{job=\"calm\"}"));
    assertThrows(IllegalArgumentException.class, () -> PromQl.parse("sum by a"));
  }
}
