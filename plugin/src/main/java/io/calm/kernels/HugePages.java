package io.calm.kernels;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Memory of this process outside the heap and outside the JVM's direct memory, on transparent huge
 * pages if the system grants them. The owner frees it with {@link #close}; the garbage collector
 * does not. Freed memory must not be read. Not thread safe.
 */
public final class HugePages implements AutoCloseable {
  private static final Path SETTING = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");

  private @Nullable ByteBuffer memory;

  private HugePages(ByteBuffer memory) {
    this.memory = memory;
  }

  /** Returns whether the system gives huge pages to a process that asks, and this one can ask. */
  public static boolean isAvailable() {
    return NativeKernels.areLoaded() && isGranted(SETTING);
  }

  /** Returns whether Linux's setting is {@code always} or {@code madvise}, not {@code never}. */
  static boolean isGranted(Path setting) {
    try {
      String text = Files.readString(setting);
      return text.contains("[always]") || text.contains("[madvise]");
    } catch (IOException e) {
      return false; // another system
    }
  }

  /**
   * Allocates zeroed memory that begins at a huge page; empty if there is no native library or the
   * system refuses.
   *
   * @param bytes size, at least 1
   */
  public static Optional<HugePages> allocate(int bytes) {
    if (bytes < 1) {
      throw new IllegalArgumentException("huge pages: expected at least 1 byte, got " + bytes);
    }
    return NativeKernels.areLoaded()
        ? Optional.ofNullable(NativeKernels.mapPages(bytes)).map(HugePages::new)
        : Optional.empty();
  }

  /**
   * Returns a view of the memory, little-endian.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public ByteBuffer bytes() {
    if (memory == null) {
      throw new IllegalStateException("huge pages: they were freed before this use");
    }
    return memory.duplicate().order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Frees the memory, once. */
  @Override
  public void close() {
    ByteBuffer pages = memory;
    memory = null;
    if (pages != null) {
      NativeKernels.unmapPages(pages);
    }
  }
}
