package io.calm.compare;

import io.calm.kernels.MachineInfo;
import java.time.Instant;
import java.util.List;

/**
 * The result of a probe, with the conditions under which it holds.
 *
 * @param threads threads of the decoders
 * @param weights memory of their weights, a value of {@code calm.weights}
 * @param version version of CALM
 * @param seconds time that the measurement took
 */
public record ProbeResult(
    MachineInfo machine,
    int threads,
    String weights,
    String version,
    Instant finished,
    double seconds,
    List<ProbeRow> rows) {
  public ProbeResult {
    rows = List.copyOf(rows);
  }

  /** Returns whether the result holds for a model that this version of CALM serves. */
  boolean holdsFor(Comparison.Subject subject, String currentVersion) {
    return subject.machine().filter(machine::equals).isPresent()
        && threads == subject.threads()
        && weights.equals(subject.weights())
        && version.equals(currentVersion);
  }
}
