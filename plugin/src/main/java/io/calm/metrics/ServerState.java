package io.calm.metrics;

import java.util.Map;

/**
 * The state of the server that belongs to no model. Read at each scrape.
 *
 * @param build what runs
 * @param artifactLookups finished lookups in the artifact store since the start, by outcome: {@code
 *     hit}, {@code miss}, {@code corrupt}
 */
public record ServerState(Build build, Map<String, Long> artifactLookups) {
  public ServerState {
    artifactLookups = Map.copyOf(artifactLookups);
  }

  /**
   * The build of CALM.
   *
   * @param version version of the jar; {@code unpackaged} for a build directory
   * @param commit commit of the jar; {@code unknown} if it has none
   * @param kernels kernel variant that was chosen for this processor
   */
  public record Build(String version, String commit, String kernels) {}
}
