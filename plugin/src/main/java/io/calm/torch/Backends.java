package io.calm.torch;

import io.calm.model.ModelSpec;
import io.calm.model.QuantizedModel;
import io.calm.runtime.Backend;
import io.calm.runtime.Decoder;
import io.calm.runtime.Decoders;
import io.calm.runtime.StepSize;
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
  static boolean isTorch(Decoders.Settings settings) {
    return switch (settings.backend()) {
      case PYTORCH -> true;
      case AUTO -> settings.kernel().equals(Decoders.AUTO) && CudaDevice.usable();
      case NATIVE, JAVA -> false;
    };
  }

  /** Returns the decoder of {@code model}, whose buffers grow with its steps. */
  public static Decoder open(QuantizedModel model, Decoders.Settings settings, int blocks) {
    return open(model, settings, blocks, StepSize.UNKNOWN);
  }

  /**
   * Returns the decoder of {@code model}.
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
    TorchDecoder decoder = new TorchDecoder(model, settings.kvType(), settings.threads(), blocks);
    logger.info("decoder: PyTorch on {}", decoder.device());
    return decoder;
  }

  /** Returns the bytes of a block of keys and values. */
  public static long blockBytes(ModelSpec spec, Decoders.Settings settings) {
    return isTorch(settings)
        ? TorchDecoder.blockBytes(spec, settings.kvType())
        : Decoders.blockBytes(spec, settings);
  }
}
