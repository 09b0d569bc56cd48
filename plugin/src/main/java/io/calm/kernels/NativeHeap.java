package io.calm.kernels;

/**
 * The memory outside the Java heap that the C library keeps after it was freed. Without the native
 * library, or with another C library than glibc, the methods have no effect.
 */
public final class NativeHeap {
  /** The largest size that glibc accepts as the one from which arrays are mapped. */
  private static final int LARGEST_MAP_THRESHOLD = 32 << 20;

  private static volatile boolean keepsFreedArrays;

  private NativeHeap() {}

  /**
   * Gives freed memory back to the system. The C library keeps it per thread, which after a search
   * are gigabytes.
   */
  public static void trim() {
    if (NativeKernels.areLoaded()) {
      trimMalloc();
    }
  }

  /** Returns whether {@link #keepFreedArrays} was called. */
  public static boolean keepsFreedArrays() {
    return keepsFreedArrays;
  }

  /**
   * Keeps the memory of freed arrays of up to 32 MiB for the next ones, up to 192 MiB per arena,
   * whatever the environment says. Their pages need not be zeroed again.
   */
  public static void keepFreedArrays() {
    if (NativeKernels.areLoaded()) {
      setMallocThresholds(LARGEST_MAP_THRESHOLD, 192 << 20);
      keepsFreedArrays = true;
    }
  }

  private static native void trimMalloc();

  private static native void setMallocThresholds(int mapped, int trimmed);
}
