package io.calm.serving.load;

import io.calm.generate.SchedulerSettings;
import io.calm.kernels.HugePages;
import io.calm.model.QuantizedModel;
import io.calm.runtime.CopiedModel;
import io.calm.runtime.Decoder;
import io.calm.settings.CalmSettings;
import io.calm.settings.WeightMemory;
import io.calm.torch.Backends;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Selects the memory that the weights of a served model are read from ({@code calm.weights}). */
final class ServedWeights {
  private static final Logger logger = LoggerFactory.getLogger(ServedWeights.class);

  private ServedWeights() {}

  /**
   * Returns the memory to use.
   *
   * @param fits whether the estimated memory of the model, weights included, is available
   */
  static WeightMemory choose(CalmSettings settings, boolean fits) {
    WeightMemory wanted = settings.decoder().weights();
    if (Backends.isTorch(settings.decoder().forDecoder())) {
      return WeightMemory.MAPPED; // read once, to copy them to the device
    }
    if (wanted != WeightMemory.AUTO) {
      return wanted;
    }
    return fits && HugePages.isAvailable() ? WeightMemory.COPIED : WeightMemory.MAPPED;
  }

  /**
   * Opens a decoder. It holds a lease of the weights, so a copy of them is freed when it is closed.
   *
   * @param mapped the model of an open artifact, which the caller closes
   * @param pause called before each part of the work; an exception that it throws ends the work
   */
  static Decoder decoder(
      WeightMemory memory,
      QuantizedModel mapped,
      CalmSettings settings,
      SchedulerSettings budgets,
      Runnable pause) {
    QuantizedModel model = in(memory, mapped, pause);
    try {
      return Backends.open(
          model, settings.decoder().forDecoder(), budgets.blocks(), budgets.largestStep());
    } finally {
      if (memory != WeightMemory.MAPPED) {
        model.lifetime().close();
      }
    }
  }

  /**
   * Returns the model in that memory. The caller closes the lifetime of a copy once a decoder holds
   * a lease.
   *
   * @param mapped the model of an open artifact
   * @param pause called before each part of the work; an exception that it throws ends the work
   */
  static QuantizedModel in(WeightMemory memory, QuantizedModel mapped, Runnable pause) {
    pause.run();
    if (memory == WeightMemory.MAPPED) {
      return mapped;
    }
    try {
      QuantizedModel copy = CopiedModel.of(mapped, pause);
      logger.debug("weights: copied{}", HugePages.isAvailable() ? ", on huge pages" : "");
      return copy;
    } catch (InternalError e) { // a page of the file that is no longer there
      throw new IllegalStateException(
          "%s while its weights were copied; load the model again"
              .formatted(mapped.lifetime().damage().orElse("the artifact was cut short")),
          e);
    }
  }
}
