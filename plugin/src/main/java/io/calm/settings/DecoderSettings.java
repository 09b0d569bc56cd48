package io.calm.settings;

import io.calm.kernels.KernelVariants;
import io.calm.kernels.SearchKernels;
import io.calm.runtime.Backend;
import io.calm.runtime.Decoders;
import io.calm.runtime.KvType;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Settings of the computation of a model.
 *
 * @param backend implementation of the decoder
 * @param kernel the CPU kernels of decoders and searches
 * @param threads threads of the kernels; empty: one per processor that the process may use
 * @param kvCache number format of keys and values
 * @param weights memory that the weights are read from
 */
public record DecoderSettings(
    Backend backend,
    KernelChoice kernel,
    OptionalInt threads,
    KvType kvCache,
    WeightMemory weights) {

  /** Returns the number of threads that compute. */
  public int threadCount() {
    return threads.orElseGet(() -> Runtime.getRuntime().availableProcessors());
  }

  /** Returns why backend and kernel do not go together; empty if they do. */
  Optional<String> contradiction() {
    boolean fits =
        switch (backend) {
          case AUTO -> true;
          case NATIVE -> kernel != KernelChoice.JAVA;
          case JAVA -> kernel == KernelChoice.AUTO || kernel == KernelChoice.JAVA;
          case PYTORCH -> kernel == KernelChoice.AUTO;
        };
    return fits
        ? Optional.empty()
        : Optional.of(
            "calm.backend: %s does not run the kernels of calm.kernel=%s; set only one of the two"
                .formatted(backend.setting(), kernel.setting()));
  }

  /** Returns the settings in the form that opens a decoder. */
  public Decoders.Settings forDecoder() {
    return forDecoder(kvCache);
  }

  /** Returns the settings with another number format of keys and values. */
  public Decoders.Settings forDecoder(KvType kvType) {
    return new Decoders.Settings(kernelName(), kvType, threadCount(), backend);
  }

  /**
   * Returns the kernels of a search and of the model in full precision: the variant that is set,
   * otherwise the best of this machine. {@link KernelChoice#JAVA} is of decoders only: a search
   * without native kernels sums in another order and may make another plan.
   *
   * @throws IllegalArgumentException if this machine cannot run the variant that is set
   */
  public SearchKernels searchKernels() {
    return kernel == KernelChoice.JAVA
        ? KernelVariants.ofThisMachine().searchKernels()
        : KernelVariants.searchKernels(Decoders.variant(kernel.setting()));
  }

  /**
   * Returns the name of the kernels that these settings select on this machine, e.g. {@code
   * avx512-vnni} or {@code java}. Does not check whether the machine can run a variant that is set.
   */
  public String kernelsOnThisMachine() {
    return kernel == KernelChoice.AUTO && backend != Backend.JAVA
        ? Decoders.chosen(Decoders.AUTO)
        : kernelName();
  }

  private String kernelName() {
    return switch (backend) {
      case JAVA -> Decoders.JAVA;
      case NATIVE -> kernel == KernelChoice.AUTO ? Decoders.NATIVE : kernel.setting();
      case AUTO, PYTORCH -> kernel.setting();
    };
  }
}
