package io.calm.compare;

import io.calm.kernels.BuildInfo;
import io.calm.kernels.MachineInfo;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * The latency of a served model against its uniform twin: what {@code GET /calm/models/{m}/latency}
 * shows.
 *
 * @param variant served plan
 * @param artifact id of the served artifact; empty if there is none
 */
public record LatencyReport(
    String model,
    String variant,
    String artifact,
    Twin twin,
    Optional<MachineInfo> machine,
    Probe probe,
    Shadow shadow) {

  /**
   * The uniform twin.
   *
   * @param setting value of {@code calm.baseline}
   * @param variant e.g. {@code uniform-gptq}; empty if there is no twin
   * @param identical whether all blocks of the twin are the served ones
   * @param reason why the twin is this one, or why there is none
   */
  public record Twin(
      String setting, String variant, boolean identical, TwinState state, String reason) {
    /** A model without a twin. */
    public static Twin off(String setting, String reason) {
      return new Twin(setting, "", false, TwinState.OFF, reason);
    }

    Twin with(TwinState next, String why) {
      return new Twin(setting, variant, identical, next, why);
    }
  }

  /** The state of the uniform twin. */
  public enum TwinState {
    OFF,
    /** Not in the artifact store. */
    MISSING,
    MAKING,
    READY,
    FAILED;

    /** Returns the name in JSON. */
    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /** The state of the paired probe. */
  public enum ProbeState {
    NONE,
    WAITING,
    RUNNING,
    DONE,
    STOPPED;

    /** Returns the name in JSON. */
    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  /**
   * The paired probe.
   *
   * @param reason why it waits or was stopped; otherwise empty
   * @param finished end of the complete measurement that all rows belong to; empty while some are
   *     missing or belong to a run that is not complete
   * @param build program that made that measurement; empty as {@code finished} is
   * @param seconds time of that measurement, or of the run so far
   */
  public record Probe(
      ProbeState state,
      String reason,
      Optional<Instant> finished,
      Optional<BuildInfo> build,
      double seconds,
      List<ProbeRow> rows) {
    static final Probe NONE =
        new Probe(ProbeState.NONE, "", Optional.empty(), Optional.empty(), 0, List.of());

    public Probe {
      rows = List.copyOf(rows);
    }

    Probe with(ProbeState next, String why) {
      return new Probe(next, why, finished, build, seconds, rows);
    }
  }

  /** The requests that each plan answered. */
  public record Shadow(double share, Requests served, Requests uniform) {}

  /**
   * Latencies of the requests that one plan answered.
   *
   * @param requests number of completed answers
   * @param firstToken milliseconds from submission to the first token
   * @param interToken milliseconds between two tokens of an answer
   * @param tokensPerSecond tokens of an answer per second since its submission
   */
  public record Requests(
      long requests, Quantiles firstToken, Quantiles interToken, Quantiles tokensPerSecond) {}
}
