package io.calm.torch;

import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.runtime.Backend;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.runtime.StepSize;
import java.util.OptionalLong;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Creates decoders with the backend that {@code calm.backend} selects. */
public final class Backends {
  private static final Logger logger = LoggerFactory.getLogger(Backends.class);

  private Backends() {}

  /**
   * Returns whether the settings select the PyTorch engine. {@link Backend#AUTO} takes it if there
   * is a CUDA device that the engine can use, and no kernel of the CPU is named.
   */
  public static boolean isTorch(Decoders.Settings settings) {
    return switch (settings.backend()) {
      case PYTORCH -> true;
      case AUTO -> settings.kernel().equals(Decoders.AUTO) && CudaDevice.usable(settings.threads());
      case NATIVE, JAVA -> false;
    };
  }

  /**
   * Returns whether a decoder runs on the PyTorch engine, which need not be as the settings say.
   */
  public static boolean isTorch(Decoder decoder) {
    return decoder instanceof TorchDecoder;
  }

  /** Returns the decoder of {@code model}, whose buffers grow with its steps. */
  public static Decoder open(QuantizedModel model, Decoders.Settings settings, int blocks) {
    return open(model, settings, blocks, StepSize.UNKNOWN);
  }

  /**
   * Returns the decoder of {@code model}. {@link Backend#AUTO} takes the CPU if the device cannot
   * hold the model.
   *
   * @param blocks number of KV blocks
   * @param largest size of the largest expected step
   * @throws EngineMissingException if the settings select the PyTorch engine, which is not
   *     available
   * @throws IllegalArgumentException if this machine cannot run the kernel that the settings name,
   *     or a shape of the model does not fit its topology
   */
  public static Decoder open(
      QuantizedModel model, Decoders.Settings settings, int blocks, StepSize largest) {
    if (!isTorch(settings)) {
      return Decoders.open(model, settings, blocks, largest);
    }
    Supplier<Decoder> torch = () -> torch(model, settings, blocks);
    return settings.backend() == Backend.AUTO
        ? CudaDevice.orOnTheCpu(
            "calm.backend=auto", torch, () -> Decoders.open(model, settings, blocks, largest))
        : torch.get();
  }

  private static Decoder torch(QuantizedModel model, Decoders.Settings settings, int blocks) {
    TorchDecoder decoder = new TorchDecoder(model, settings.kvType(), settings.threads(), blocks);
    logger.info("decoder: PyTorch on {}", decoder.device());
    return decoder;
  }

  /**
   * Returns the memory of the CUDA device in bytes that is left beside a model; empty if the model
   * runs on the CPU, is refused, or its device's memory is not known.
   *
   * @param modelBytes size of the model's weights and tables
   */
  public static OptionalLong deviceBytes(Decoders.Settings settings, long modelBytes) {
    if (!isTorch(settings) || !CudaDevice.usable(settings.threads())) {
      return OptionalLong.empty();
    }
    OptionalLong free = CudaDevice.freeBytes();
    return free.isPresent() && free.getAsLong() > modelBytes
        ? OptionalLong.of(free.getAsLong() - modelBytes)
        : OptionalLong.empty();
  }

  /** Returns the bytes of a block of keys and values. */
  public static long blockBytes(ModelSpec spec, Decoders.Settings settings) {
    return isTorch(settings)
        ? TorchDecoder.blockBytes(spec, settings.kvType())
        : Decoders.blockBytes(spec, settings);
  }
}
