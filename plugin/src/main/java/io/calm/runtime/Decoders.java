package io.calm.runtime;

import io.calm.kernels.KernelVariant;
import io.calm.kernels.KernelVariants;
import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Creates W4A8 decoders with the kernels that {@code calm.kernel} selects. */
public final class Decoders {
  /** The value of {@code calm.kernel} for the best kernels of this machine. */
  public static final String AUTO = "auto";

  /** The best native kernels of this machine, never those in Java. */
  public static final String NATIVE = "native";

  /** The value of {@code calm.kernel} for the kernels in Java. */
  public static final String JAVA = "java";

  private Decoders() {}

  /**
   * Settings of a decoder.
   *
   * @param kernel {@link #AUTO}, {@link #NATIVE}, {@link #JAVA} or the name of a kernel variant
   * @param threads that compute
   * @param backend {@link Backend#PYTORCH} is not opened by this class
   */
  public record Settings(String kernel, KvType kvType, int threads, Backend backend) {

    /** Creates settings that leave the backend to the kernel. */
    public Settings(String kernel, KvType kvType, int threads) {
      this(kernel, kvType, threads, Backend.AUTO);
    }
  }

  /** Returns the decoder of {@code model}, whose buffers grow with its steps. */
  public static Decoder open(QuantizedModel model, Settings settings, int blocks) {
    return open(model, settings, blocks, StepSize.UNKNOWN);
  }

  /**
   * Returns the decoder of {@code model}.
   *
   * @param blocks number of KV blocks; memory is taken when one is first used
   * @param largest size of the largest expected step, for which buffers are allocated at once;
   *     larger steps allocate more
   * @throws IllegalArgumentException if this machine cannot run the kernel that the settings name,
   *     or a shape of the model does not fit its topology
   */
  public static Decoder open(
      QuantizedModel model, Settings settings, int blocks, StepSize largest) {
    Optional<KernelVariant> variant = variant(settings.kernel());
    return variant.isPresent()
        ? new NativeDecoder(
            variant.get(), model, settings.kvType(), settings.threads(), blocks, largest)
        : new JavaDecoder(model, settings.kvType(), settings.threads(), blocks);
  }

  /** Returns the bytes of a block of keys and values. */
  public static long blockBytes(ModelSpec spec, Settings settings) {
    return variant(settings.kernel()).isPresent()
        ? NativeModel.blockBytes(spec, settings.kvType())
        : JavaDecoder.blockBytes(spec);
  }

  /** Returns the name of the kernels that {@code kernel} selects on this machine. */
  public static String chosen(String kernel) {
    return variant(kernel).map(KernelVariant::name).orElse(JAVA);
  }

  /**
   * Returns the kernel variant that {@code kernel} selects on this machine; empty: the kernels in
   * Java.
   *
   * @throws IllegalArgumentException if it names what this machine cannot run
   */
  public static Optional<KernelVariant> variant(String kernel) {
    if (kernel.equals(JAVA)) {
      return Optional.empty();
    }
    KernelVariants variants = KernelVariants.ofThisMachine();
    if (kernel.equals(AUTO)) {
      return variants.best();
    }
    if (kernel.equals(NATIVE)) {
      return Optional.of(variants.best().orElseThrow(() -> noNativeKernels(variants)));
    }
    Optional<KernelVariant> named =
        variants.all().stream().filter(variant -> variant.name().equals(kernel)).findFirst();
    Optional<String> missing =
        named.isPresent()
            ? named.get().missing()
            : Optional.of(variants.problem().orElse("there is no such kernel"));
    if (missing.isPresent()) {
      throw new IllegalArgumentException(
          "calm.kernel: expected one of %s, got %s: %s"
              .formatted(
                  Stream.concat(
                          Stream.of(AUTO, JAVA),
                          variants.all().stream()
                              .filter(KernelVariant::runs)
                              .map(KernelVariant::name))
                      .collect(Collectors.joining(", ")),
                  kernel,
                  missing.get()));
    }
    return named;
  }

  private static IllegalArgumentException noNativeKernels(KernelVariants variants) {
    return new IllegalArgumentException(
        "calm.backend: expected native kernels for this machine, got none (%s); set calm.backend=auto"
            .formatted(variants.problem().orElse("the processor runs none of them")));
  }
}
