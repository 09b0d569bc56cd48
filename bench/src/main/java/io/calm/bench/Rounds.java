package io.calm.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Takes measures in turns: every round takes each of them once. A machine that drifts, or shares
 * its memory with neighbours, then affects all of them alike.
 */
public final class Rounds {
  /** Pause after which the spinning threads of the previous measure sleep. */
  private static final long PAUSE_MILLIS = 20;

  private final Map<String, Measure> measures = new LinkedHashMap<>();

  /** One measure; taken on the calling thread. */
  @FunctionalInterface
  public interface Measure {
    double take() throws IOException, InterruptedException;
  }

  /** The samples of all measures by name. */
  public record Results(Map<String, Series> series) {
    /** Returns the samples of a measure. */
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

  /** Adds a measure to the end of a round. */
  public Rounds add(String name, Measure measure) {
    if (measures.putIfAbsent(name, measure) != null) {
      throw new IllegalArgumentException("two measures " + name);
    }
    return this;
  }

  /** Takes all measures {@code rounds} times, after one round of warm-up. */
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
