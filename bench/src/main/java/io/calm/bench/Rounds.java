package io.calm.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Measures taken in turns within one run: first all of them once, then all again. So a machine that
 * drifts, or shares its memory with neighbours, drifts for all of them alike.
 */
public final class Rounds {
  /** Until threads that spin after the measure before sleep. */
  private static final long PAUSE_MILLIS = 20;

  private final Map<String, Measure> measures = new LinkedHashMap<>();

  /** One measure; taken on the calling thread. */
  @FunctionalInterface
  public interface Measure {
    double take() throws IOException, InterruptedException;
  }

  /** What all measures gave, by name. */
  public record Results(Map<String, Series> series) {
    /** Returns what the measure {@code name} gave. */
    public Series get(String name) {
      Series found = series.get(name);
      if (found == null) {
        throw new IllegalArgumentException(
            "expected one of %s, got %s".formatted(series.keySet(), name));
      }
      return found;
    }

    public boolean has(String name) {
      return series.containsKey(name);
    }
  }

  /** Adds a measure, which is taken after those before it. */
  public Rounds add(String name, Measure measure) {
    if (measures.putIfAbsent(name, measure) != null) {
      throw new IllegalArgumentException("two measures " + name);
    }
    return this;
  }

  /** Takes all measures {@code rounds} times, after a round that does not count. */
  public Results run(int rounds) throws IOException, InterruptedException {
    Map<String, List<Double>> samples = new LinkedHashMap<>();
    for (int round = -1; round < rounds; round++) {
      for (Map.Entry<String, Measure> measure : measures.entrySet()) {
        Thread.sleep(PAUSE_MILLIS);
        double sample = measure.getValue().take();
        if (round >= 0) {
          samples.computeIfAbsent(measure.getKey(), name -> new ArrayList<>()).add(sample);
        }
      }
    }
    Map<String, Series> series = new LinkedHashMap<>();
    samples.forEach((name, values) -> series.put(name, new Series(values)));
    return new Results(series);
  }
}
