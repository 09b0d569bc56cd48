package io.calm.compare;

import io.calm.kernels.MachineInfo;
import java.time.Instant;
import java.util.List;

/**
 * The result of a probe, with the conditions under which it holds.
 *
 * @param threads threads of the decoders
 * @param version version of CALM
 * @param seconds time that the measurement took
 */
public record ProbeResult(
    MachineInfo machine,
    int threads,
    String version,
    Instant finished,
    double seconds,
    List<ProbeRow> rows) {
  public ProbeResult {
    rows = List.copyOf(rows);
  }

  /** Returns whether the result holds under these conditions. */
  boolean holdsFor(MachineInfo other, int otherThreads, String otherVersion) {
    return machine.equals(other) && threads == otherThreads && version.equals(otherVersion);
  }
}
