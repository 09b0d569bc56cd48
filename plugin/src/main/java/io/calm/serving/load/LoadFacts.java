package io.calm.serving.load;

import io.calm.artifact.LookupCounts;
import io.calm.runtime.Decoders;
import java.util.Map;

/** Facts about loads and the build, for a server's metrics. */
public final class LoadFacts {
  private LoadFacts() {}

  /** Returns the finished lookups in the artifact store since the start, by outcome. */
  public static Map<String, Long> artifactLookups() {
    return LookupCounts.PROCESS.all();
  }

  /** Returns the kernel variant that {@code calm.kernel=auto} selects on this processor. */
  public static String kernels() {
    return Decoders.chosen(Decoders.AUTO);
  }
}
