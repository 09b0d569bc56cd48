package io.calm.compare;

import io.calm.kernels.BuildInfo;
import io.calm.kernels.MachineInfo;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * The result of a probe, with the conditions under which it holds.
 *
 * @param threads threads of the decoders
 * @param weights memory of their weights, a value of {@code calm.weights}
 * @param version version of CALM that measured
 * @param commit its commit; empty if not known, as in results of earlier versions
 * @param seconds time that the measurement took
 */
public record ProbeResult(
    MachineInfo machine,
    int threads,
    String weights,
    String version,
    Optional<String> commit,
    Instant finished,
    double seconds,
    List<ProbeRow> rows) {
  public ProbeResult {
    rows = List.copyOf(rows);
  }

  /** Returns the program that measured. */
  public BuildInfo build() {
    return new BuildInfo(version, commit);
  }

  /** Returns whether the result holds for a model that this version of CALM serves. */
  boolean holdsFor(ComparedModel subject, String currentVersion) {
    return subject.machine().filter(machine::isComparable).isPresent()
        && threads == subject.threads()
        && weights.equals(subject.weights())
        && version.equals(currentVersion);
  }
}
