package io.calm.artifact;

import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The time that making an artifact took, by phase, and the memory. They are not part of the
 * artifact, whose bytes do not depend on them.
 *
 * @param seconds seconds of each phase, in the order of their beginnings
 * @param peakBytes peak resident memory of the process up to the end; 0 if not known
 */
public record SearchPhases(Map<String, Double> seconds, long peakBytes) {
  private static final String KIND = "phases";

  public SearchPhases {
    seconds = Collections.unmodifiableMap(new LinkedHashMap<>(seconds));
  }

  /** Returns the times of an artifact; empty if they were not kept. */
  public static Optional<SearchPhases> find(Path cacheDir, ArtifactKey key) {
    return new MeasuredFiles(cacheDir).find(key.id(), KIND, KIND, SearchPhases.class);
  }

  /** Keeps the times of a finished artifact. */
  public void keep(Path cacheDir, ArtifactKey key) {
    new MeasuredFiles(cacheDir).keep(key.id(), KIND, KIND, this);
  }
}
