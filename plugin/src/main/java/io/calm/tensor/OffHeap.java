package io.calm.tensor;

import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.MappedByteBuffer;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Memory outside the heap with an owner, whose {@link #close} frees it at once. A direct buffer
 * alone is freed when the garbage collector finds it; on a lightly used heap that may be hours
 * after a model was unloaded.
 *
 * <p>Freed memory must not be read: a read through a view of it ends the process. Views therefore
 * stay with their owner, or are passed on under a {@link Lifetime} that they cannot outlive. After
 * {@link #close} no view can be obtained. If the JVM does not permit freeing a buffer, closing only
 * drops the reference and the garbage collector frees it.
 *
 * <p>Not thread safe; the owner's lock orders use and close.
 */
public final class OffHeap implements AutoCloseable {
  private static final Logger logger = LoggerFactory.getLogger(OffHeap.class);
  private static final int ALIGNMENT = 64;

  /** {@code sun.misc.Unsafe.invokeCleaner}, the one way to do it on Java 17 to 25. */
  private static final Optional<MethodHandle> CLEANER = cleaner();

  private @Nullable ByteBuffer root;
  private final ByteBuffer view;

  private OffHeap(ByteBuffer root, ByteBuffer view) {
    this.root = root;
    this.view = view;
  }

  /**
   * Returns zeroed memory, aligned to 64 bytes.
   *
   * @throws OutOfMemoryError if the JVM may not take so much
   */
  public static OffHeap allocate(int bytes) {
    long whole = (bytes + ALIGNMENT - 1L) / ALIGNMENT * ALIGNMENT;
    ByteBuffer root = ByteBuffer.allocateDirect(Math.toIntExact(whole + ALIGNMENT));
    return new OffHeap(root, root.alignedSlice(ALIGNMENT).slice(0, bytes));
  }

  /**
   * Returns zeroed memory with the alignment of the JVM.
   *
   * @throws OutOfMemoryError if the JVM may not take so much
   */
  static OffHeap unaligned(int bytes) {
    ByteBuffer root = ByteBuffer.allocateDirect(bytes);
    return new OffHeap(root, root);
  }

  /** Returns a copy of {@code values} in native order. */
  public static OffHeap copyOf(float[] values) {
    OffHeap memory = allocate(Math.multiplyExact(values.length, Float.BYTES));
    memory.bytes().asFloatBuffer().put(values);
    return memory;
  }

  /**
   * Takes a mapping over.
   *
   * @param mapped as {@code FileChannel.map} returned it, no slice or duplicate
   */
  public static OffHeap of(MappedByteBuffer mapped) {
    return new OffHeap(mapped, mapped);
  }

  /**
   * Returns a view of the memory in native order.
   *
   * @throws IllegalStateException after {@link #close}
   */
  public ByteBuffer bytes() {
    if (root == null) {
      throw new IllegalStateException("memory outside the heap: it was freed before this use");
    }
    return view.duplicate().order(ByteOrder.nativeOrder());
  }

  /** Frees the memory, once; no view of it may be used any more. */
  @Override
  public void close() {
    ByteBuffer memory = root;
    root = null;
    if (memory == null || CLEANER.isEmpty()) {
      return;
    }
    try {
      CLEANER.get().invokeExact(memory);
    } catch (Throwable e) { // declared by a method handle
      logger.warn("memory of {} bytes is left to the garbage collector", view.capacity(), e);
    }
  }

  private static Optional<MethodHandle> cleaner() {
    try {
      Class<?> type = Class.forName("sun.misc.Unsafe");
      Field field = type.getDeclaredField("theUnsafe");
      field.setAccessible(true);
      Object unsafe = field.get(null);
      MethodType signature = MethodType.methodType(void.class, ByteBuffer.class);
      return Optional.of(
          MethodHandles.lookup().findVirtual(type, "invokeCleaner", signature).bindTo(unsafe));
    } catch (ReflectiveOperationException | RuntimeException e) {
      logger.info(
          "this JVM frees memory outside the heap by garbage collection alone: {}", e.toString());
      return Optional.empty();
    }
  }
}
