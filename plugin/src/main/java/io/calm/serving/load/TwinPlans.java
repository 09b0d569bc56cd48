package io.calm.serving.load;

import io.calm.artifact.Artifact;
import io.calm.artifact.ArtifactLayout;
import io.calm.compare.StepShape;
import io.calm.compare.TwinSource;
import io.calm.generate.SchedulerSettings;
import io.calm.model.ModelSpec;
import io.calm.quantize.QuantizedModelStore;
import io.calm.runtime.Decoder;
import io.calm.settings.CalmSettings;
import io.calm.settings.WeightMemory;
import java.util.List;
import java.util.function.Supplier;

/** The open artifacts of a served plan and of its uniform twin, for the decoders of a probe. */
final class TwinPlans implements TwinSource.Plans {
  /** Tokens of the largest step of a probe. */
  private static final int PROBE_TOKENS = 256;

  private static final int PROBE_SEQUENCES = 8;

  private final Frame frame;
  private final int maxContext;
  private final Artifact served;
  private final Artifact uniform;

  /**
   * The decoders that both plans have in common.
   *
   * @param weights memory of the weights of every decoder
   * @param identical whether the twin is the served artifact
   */
  record Frame(
      CalmSettings settings,
      WeightMemory weights,
      ModelSpec spec,
      ArtifactLayout layout,
      boolean identical) {
    /** Reserves the memory of decoders. */
    MemoryLedger.MemoryReservation reserve(SchedulerSettings each, int decoders) {
      boolean copies = weights == WeightMemory.COPIED;
      int models = copies ? decoders : identical ? 0 : 1;
      return ModelMemory.reserve(
          settings, MemoryEstimate.ofTwin(spec, layout, settings, each, models, decoders));
    }

    /** Opens a decoder, whose copy of the weights is no longer reserved then. */
    Decoder decoder(
        Artifact artifact,
        SchedulerSettings each,
        MemoryLedger.MemoryReservation memory,
        Runnable pause) {
      Decoder decoder = ServedWeights.decoder(weights, artifact.model(), settings, each, pause);
      memory.allocated(weights == WeightMemory.COPIED ? layout.modelBytes(spec) : 0);
      return decoder;
    }
  }

  /**
   * Takes over both artifacts.
   *
   * @param uniform the same as {@code served} if they are identical
   */
  TwinPlans(Frame frame, int maxContext, Artifact served, Artifact uniform) {
    this.frame = frame;
    this.maxContext = maxContext;
    this.served = served;
    this.uniform = uniform;
  }

  @Override
  public TwinSource.PairedDecoders open(
      List<StepShape> shapes, boolean uniformFirst, Runnable pause) {
    SchedulerSettings each =
        new SchedulerSettings(
            maxContext,
            StepShape.blocks(shapes),
            PROBE_SEQUENCES,
            1,
            PROBE_TOKENS - PROBE_SEQUENCES);
    MemoryLedger.MemoryReservation memory = frame.reserve(each, 2);
    return closingOnFailure(
        memory,
        () -> {
          Decoder first = frame.decoder(uniformFirst ? uniform : served, each, memory, pause);
          return closingOnFailure(
              first::close,
              () -> {
                Decoder second =
                    frame.decoder(uniformFirst ? served : uniform, each, memory, pause);
                return uniformFirst
                    ? new Opened(second, first, memory)
                    : new Opened(first, second, memory);
              });
        });
  }

  /** Two decoders and the reservation of their memory. */
  private record Opened(Decoder served, Decoder uniform, MemoryLedger.MemoryReservation memory)
      implements TwinSource.PairedDecoders {
    @Override
    @SuppressWarnings("try") // closed in reverse order, each whatever the others throw
    public void close() {
      try (memory;
          served;
          uniform) {
        return;
      }
    }
  }

  @Override
  public void close() {
    served.close();
    uniform.close();
  }

  /** Runs work that takes over {@code held}, and closes that if the work fails. */
  static <T> T closingOnFailure(QuantizedModelStore.Reservation held, Supplier<T> work) {
    try {
      return work.get();
    } catch (RuntimeException | Error e) {
      held.close();
      throw e;
    }
  }
}
