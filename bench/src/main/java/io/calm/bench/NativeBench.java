package io.calm.bench;

import io.calm.files.PrivateLibrary;
import io.calm.kernels.KernelVariant;
import io.calm.kernels.NativeKernels;
import io.calm.tensor.QuantizedLinear;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;

/**
 * Measurements in C of one kernel variant and of the machine's limits.
 *
 * <p>They lie in a library of their own, {@code libcalm-bench.so}, which is compiled from the same
 * kernels as the plugin's {@code libcalm.so}. It has its own pool of threads, so a measurement must
 * not run at the same time as a step of a native decoder.
 */
final class NativeBench {
  private static final String NAME = "libcalm-bench.so";

  private final int variant;
  private final int threads;

  private NativeBench(int variant, int threads) {
    this.variant = variant;
    this.threads = threads;
  }

  /**
   * Loads the library at the first call.
   *
   * @param variant a kernel variant that this processor runs
   * @throws IllegalArgumentException if the library is missing or lacks the variant
   */
  static NativeBench of(KernelVariant variant, int threads) {
    String resource = "/native/" + NativeKernels.system() + "/" + NAME;
    if (!Loaded.from(resource)) {
      throw new IllegalArgumentException(
          "%s: missing from the jar; build it on a machine with a C compiler".formatted(resource));
    }
    int index = indexOf(variant.name());
    if (index < 0) {
      throw new IllegalArgumentException(
          "%s: no kernel variant %s; build the jar again with mvn -B clean package -DskipTests"
              .formatted(resource, variant.name()));
    }
    return new NativeBench(index, threads);
  }

  private static final class Loaded {
    private static boolean done;

    static synchronized boolean from(String resource) {
      if (done) {
        return true;
      }
      try (InputStream library = NativeBench.class.getResourceAsStream(resource)) {
        if (library == null) {
          return false;
        }
        PrivateLibrary.load(library, NAME);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      done = true;
      return true;
    }
  }

  /** Returns the bytes per second that the threads read from a direct buffer, at best. */
  double readBandwidth(ByteBuffer buffer, int passes) {
    return readBandwidth(buffer, buffer.capacity(), threads, passes);
  }

  /** Returns the integer multiply-adds per second of the variant on registers; 0 if unknown. */
  double integerPeak() {
    return integerPeak(variant, threads);
  }

  /** Returns the float32 multiply-adds per second of the variant on registers; 0 if unknown. */
  double floatPeak() {
    return floatPeak(variant, threads);
  }

  /**
   * Returns the seconds of one product of {@code rows} rows with one of {@code copies} weights, the
   * best of {@code passes} passes over all of them.
   *
   * @param ring weights of one shape, one after the other, as the outputs of a single linear
   * @param outputs of one weight
   */
  double linearSeconds(QuantizedLinear ring, int outputs, int copies, int rows, int passes) {
    return linearSeconds(
        variant,
        outputs,
        ring.inputs(),
        ring.group(),
        ring.codes(),
        ring.grids(),
        copies,
        rows,
        threads,
        passes);
  }

  private static native int indexOf(String name);

  private static native double readBandwidth(
      ByteBuffer buffer, long bytes, int threads, int passes);

  private static native double integerPeak(int variant, int threads);

  private static native double floatPeak(int variant, int threads);

  private static native double linearSeconds(
      int variant,
      int outputs,
      int inputs,
      int group,
      ByteBuffer codes,
      ByteBuffer grids,
      int copies,
      int rows,
      int threads,
      int passes);
}
