package io.calm.kernels;

import io.calm.files.PrivateLibrary;
import io.calm.tensor.HeadKernel;
import io.calm.tensor.LinearKernel;
import io.calm.tensor.TokenTable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The native library: loaded from the jar once per process, if the jar holds one for this system.
 *
 * <p>It contains one set of kernels for each family of vector instructions ({@link
 * KernelVariants}). The products of every variant have the bits of {@link LinearKernel} and {@link
 * HeadKernel}.
 */
public final class NativeKernels {
  private NativeKernels() {}

  /** Returns whether the library is loaded, which the first call does. */
  static boolean areLoaded() {
    return !Loaded.VARIANTS.all().isEmpty();
  }

  /** The library's variants; the first use loads it. */
  static final class Loaded {
    static final KernelVariants VARIANTS = load();

    private static KernelVariants load() {
      String system = system();
      String resource = "/native/" + system + "/libcalm.so";
      try (InputStream library = NativeKernels.class.getResourceAsStream(resource)) {
        if (library == null) {
          return missing("this jar holds no native library for %s".formatted(system));
        }
        PrivateLibrary.load(library, "libcalm.so");
      } catch (IOException | UnsatisfiedLinkError e) {
        return missing("the native library does not load: " + e);
      }
      List<KernelVariant> variants = new ArrayList<>();
      for (int i = 0; i < variants(); i++) {
        variants.add(new KernelVariant(i, variantName(i), Optional.ofNullable(variantMissing(i))));
      }
      return new KernelVariants(variants, Optional.empty());
    }

    private static KernelVariants missing(String problem) {
      return new KernelVariants(List.of(), Optional.of(problem));
    }
  }

  /** Returns the directory that holds this system's native libraries, e.g. linux-x86_64. */
  public static String system() {
    String arch = System.getProperty("os.arch", "").toLowerCase(Locale.ROOT);
    String os = System.getProperty("os.name", "").toLowerCase(Locale.ROOT);
    String machine =
        switch (arch) {
          case "amd64", "x86_64" -> "x86_64";
          case "aarch64", "arm64" -> "aarch64";
          default -> arch;
        };
    return os.replace(' ', '-') + "-" + machine;
  }

  /**
   * Rounds {@code x} and writes the logits of the tiles {@code from} (inclusive) to {@code to}
   * (exclusive) with one variant's kernels, on this thread. A decoder computes them with the same
   * kernels; this is for tests of these.
   *
   * @param x [rows * D]
   * @return [rows * V]; logits of other tiles are 0
   * @throws ArithmeticException if an activation is NaN or infinite
   */
  static float[] multiply(
      KernelVariant variant,
      TokenTable.Int8Table table,
      boolean perToken,
      float[] x,
      int from,
      int to) {
    int rows = x.length / table.width();
    ByteBuffer y = floats(new float[rows * table.tokens()]);
    boolean finite =
        multiply(
            variant.index(),
            table.tokens(),
            table.width(),
            table.group(),
            table.codes(),
            table.scales(),
            perToken,
            rows,
            floats(x),
            from,
            to,
            y);
    if (!finite) {
      throw new ArithmeticException("activations: expected finite numbers, got NaN or infinity");
    }
    float[] result = new float[rows * table.tokens()];
    y.asFloatBuffer().get(result);
    return result;
  }

  /** Returns a copy of {@code values} outside the heap, in native order. */
  public static ByteBuffer floats(float[] values) {
    ByteBuffer buffer =
        ByteBuffer.allocateDirect(Math.multiplyExact(values.length, Float.BYTES))
            .order(ByteOrder.nativeOrder());
    FloatBuffer view = buffer.asFloatBuffer();
    view.put(values);
    return buffer;
  }

  /** Returns the address of a direct buffer; the caller keeps the buffer alive. */
  public static native long address(ByteBuffer buffer);

  /** Maps zeroed memory; null if the system refuses it. {@link #unmapPages} frees it. */
  static native @Nullable ByteBuffer mapPages(long bytes);

  /** Unmaps a buffer of {@link #mapPages}, which must not be read any more. */
  static native void unmapPages(ByteBuffer buffer);

  /**
   * Lowers the priority of the calling thread to that of background work: nice 19 on Linux, also
   * for threads that it starts later. It cannot be raised again. Starts the workers that the
   * decoders of this process share before that, with the priority that the process has.
   *
   * @param threads threads of a decoder
   * @return whether the priority is lower now; false without the native library
   */
  public static boolean lowerPriority(int threads) {
    return areLoaded() && niceThread(threads);
  }

  private static native boolean niceThread(int threads);

  private static native int variants();

  private static native String variantName(int variant);

  private static native @Nullable String variantMissing(int variant);

  private static native boolean multiply(
      int variant,
      int outputs,
      int inputs,
      int group,
      ByteBuffer codes,
      ByteBuffer scales,
      boolean perToken,
      int rows,
      ByteBuffer x,
      int from,
      int to,
      ByteBuffer y);
}
