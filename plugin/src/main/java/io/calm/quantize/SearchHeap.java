package io.calm.quantize;

import io.calm.artifact.ArtifactLayout;
import io.calm.kernels.NativeHeap;
import io.calm.model.ModelSpec;
import io.calm.settings.CalmSettings;

/**
 * The use of memory outside the Java heap during a search that has the process for itself: arrays
 * come and go all the time. A C library that returns them to the system needs the least memory, and
 * a fifth more time for new pages.
 */
public final class SearchHeap {
  /** Property of the JVM that the command line sets unless the user has chosen. */
  private static final String KEEP = "calm.malloc.keep";

  /** Estimate of a search up to which what is kept does not matter, in bytes. */
  private static final long SMALL = 1536L << 20;

  private SearchHeap() {}

  /** Lets the C library keep freed arrays, if the search of the model is small. */
  public static void prepare(ModelSpec spec, ArtifactLayout layout, CalmSettings settings) {
    if (keeps(System.getProperty(KEEP, ""), SearchMemory.bytes(spec, layout, settings))) {
      NativeHeap.keepFreedArrays();
    }
  }

  /** Returns whether a search that needs so many bytes keeps freed arrays. */
  static boolean keeps(String property, long bytes) {
    return property.equals("small") && bytes <= SMALL;
  }
}
