package io.calm.compare;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class QuantilesTest {
  @Test
  void quantilesAreValuesOfNearestRank() {
    double[] values = IntStream.rangeClosed(1, 1000).mapToDouble(i -> 1001 - i).toArray();
    assertEquals(new Quantiles(1000, 500.5, 500, 900, 990), Quantiles.of(values));
    assertEquals(new Quantiles(1, 7, 7, 7, 7), Quantiles.of(new double[] {7}));
    assertTrue(Double.isNaN(Quantiles.of(new double[0]).p50()));
  }

  @Test
  void recentValuesForgetTheOldestButCountThem() {
    RecentValues recent = new RecentValues();
    assertEquals(Quantiles.NONE, recent.quantiles());
    for (int i = 0; i < 3 * RecentValues.KEPT; i++) {
      recent.add(i < 2 * RecentValues.KEPT ? 1e9 : 5);
    }
    Quantiles quantiles = recent.quantiles();
    assertEquals(3 * RecentValues.KEPT, quantiles.count());
    assertEquals(5, quantiles.p50());
    assertEquals(5, quantiles.p99());
    assertEquals((2e9 + 5) / 3, quantiles.mean(), 1);
  }
}
