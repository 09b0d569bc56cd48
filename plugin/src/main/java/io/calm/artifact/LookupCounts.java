package io.calm.artifact;

import java.util.Arrays;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.stream.Collectors;

/** Counters of finished lookups in the artifact store, by outcome. Thread safe. */
public final class LookupCounts {
  /** The counters of this process, which all stores share. */
  public static final LookupCounts PROCESS = new LookupCounts();

  private final AtomicLongArray counts = new AtomicLongArray(Outcome.values().length);

  /** The outcome of a lookup. */
  public enum Outcome {
    /** A finished artifact was opened. */
    HIT,
    /** There was no artifact; it had to be made. */
    MISS,
    /** The artifact was damaged; it was deleted and had to be rebuilt. */
    CORRUPT
  }

  /** Counts a lookup. */
  @SuppressWarnings("EnumOrdinal") // an index into the counters, never stored
  public void count(Outcome outcome) {
    counts.incrementAndGet(outcome.ordinal());
  }

  /** Returns all counts by the outcome's name in lower case. */
  @SuppressWarnings("EnumOrdinal")
  public Map<String, Long> all() {
    return Arrays.stream(Outcome.values())
        .collect(
            Collectors.toMap(
                outcome -> outcome.name().toLowerCase(Locale.ROOT),
                outcome -> counts.get(outcome.ordinal())));
  }
}
